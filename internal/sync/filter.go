package sync

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// A Filter picks the branches that are followed. A glob matches a whole short name, such as
// "feature/x": "*" stands for any characters but "/", "**" for any at all, "**/" also for
// nothing, "?" for one character but "/", "[a-z]" and "[!a-z]" for one of a set, "\" takes
// the next character as it is. Tags are always followed.
type Filter struct {
	include, exclude []*regexp.Regexp
	mask             [32]byte
}

// NewFilter makes a filter. An empty include means all; exclude wins.
func NewFilter(include, exclude []string) (*Filter, error) {
	f := &Filter{}
	for _, part := range []struct {
		name  string
		globs []string
		to    *[]*regexp.Regexp
	}{{"include", include, &f.include}, {"exclude", exclude, &f.exclude}} {
		for _, glob := range part.globs {
			re, err := compileGlob(glob)
			if err != nil {
				return nil, fmt.Errorf("sync.refs.%s: %q: %w", part.name, glob, err)
			}
			*part.to = append(*part.to, re)
		}
	}
	if len(include)+len(exclude) > 0 {
		include, exclude = slices.Sorted(slices.Values(include)), slices.Sorted(slices.Values(exclude))
		f.mask = sha256.Sum256(fmt.Appendf(nil, "%q %q", include, exclude))
	}
	return f, nil
}

// Match says whether a ref is followed.
func (f *Filter) Match(r model.Ref) bool {
	name, branch := r.Branch()
	matches := func(re *regexp.Regexp) bool { return re.MatchString(name) }
	switch {
	case !branch:
		return true
	case len(f.include) > 0 && !slices.ContainsFunc(f.include, matches):
		return false
	}
	return !slices.ContainsFunc(f.exclude, matches)
}

// Apply gives the refs that are followed, in order.
func (f *Filter) Apply(refs []model.Ref) []model.Ref {
	if len(f.include)+len(f.exclude) == 0 {
		return refs
	}
	var out []model.Ref
	for _, r := range refs {
		if f.Match(r) {
			out = append(out, r)
		}
	}
	return out
}

// Mask turns the digest of a list into the one that is stored, and back. After a change of the
// globs a stored digest fits no list any more, so that the next sync looks at all refs.
func (f *Filter) Mask(digest [32]byte) [32]byte {
	for i := range digest {
		digest[i] ^= f.mask[i]
	}
	return digest
}

// compileGlob translates a glob; Go's regular expressions are linear, whatever it says.
func compileGlob(glob string) (*regexp.Regexp, error) {
	if glob == "" {
		return nil, errors.New("the glob is empty")
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for at := 0; at < len(glob); {
		expr, n, err := globToken(glob[at:], at == 0 || glob[at-1] == '/')
		if err != nil {
			return nil, err
		}
		b.WriteString(expr)
		at += n
	}
	b.WriteString(`\z`)
	re, err := regexp.Compile(b.String())
	if err != nil {
		return nil, errors.New("the glob is not understood")
	}
	return re, nil
}

// globToken translates the first token of a glob, and says how long it was.
func globToken(glob string, segmentStart bool) (string, int, error) {
	switch {
	case segmentStart && strings.HasPrefix(glob, "**/"):
		return `(?:.*/)?`, 3, nil
	case strings.HasPrefix(glob, "**"):
		return `.*`, 2, nil
	case glob[0] == '*':
		return `[^/]*`, 1, nil
	case glob[0] == '?':
		return `[^/]`, 1, nil
	case glob[0] == '[':
		return globSet(glob)
	case glob[0] == '\\':
		if len(glob) == 1 {
			return "", 0, errors.New("nothing follows the backslash")
		}
		return regexp.QuoteMeta(glob[1:2]), 2, nil
	}
	n := strings.IndexAny(glob[1:], `*?[\`) + 1
	if n == 0 {
		n = len(glob)
	}
	return regexp.QuoteMeta(glob[:n]), n, nil
}

// globSet translates "[a-z]" or "[!a-z]". A set never holds "/".
func globSet(glob string) (string, int, error) {
	end := strings.IndexByte(glob[1:], ']') + 1
	if end < 2 {
		return "", 0, errors.New("a set lacks its \"]\" or is empty")
	}
	set, not := strings.CutPrefix(glob[1:end], "!")
	if !not {
		set, not = strings.CutPrefix(set, "^")
	}
	if set == "" || strings.ContainsAny(set, `/\[`) {
		return "", 0, errors.New(`a set is empty or holds "/", "\" or "["`)
	}
	if not {
		return "[^/" + strings.ReplaceAll(set, "^", `\^`) + "]", end + 1, nil
	}
	return "[" + strings.ReplaceAll(set, "^", `\^`) + "]", end + 1, nil
}
