package mirror

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"issuetrail/internal/model"
)

// A collector makes a RefList of lines.
type collector struct {
	refs     []model.Ref
	head     model.Hash // what HEAD points at
	target   string     // the branch HEAD names
	longest  int
	guess    bool // the server cannot tell the branch of HEAD: look for it
	unsorted bool
}

// parseListed reads the lines of version 2:
// "<hash> <name>[ symref-target:<name>][ peeled:<hash>]".
func parseListed(list []byte, longest int) model.RefList {
	c := collector{longest: longest, refs: make([]model.Ref, 0, len(list)/60)}
	each(list, func(line []byte) {
		var tip, peeled model.Hash
		if !readHash((*[20]byte)(&tip), line) && !bytes.HasPrefix(line, []byte("unborn ")) {
			return
		}
		_, rest, _ := bytes.Cut(line, []byte{' '})
		name, attrs, _ := bytes.Cut(rest, []byte{' '})
		for len(attrs) > 0 {
			var attr []byte
			attr, attrs, _ = bytes.Cut(attrs, []byte{' '})
			if v, ok := bytes.CutPrefix(attr, []byte("peeled:")); ok {
				readHash((*[20]byte)(&peeled), v)
			} else if v, ok := bytes.CutPrefix(attr, []byte("symref-target:")); ok && string(name) == "HEAD" {
				c.target = string(v)
			}
		}
		c.add(name, tip, peeled)
	})
	return c.done()
}

// parseAdvertised reads the lines of version 0: "<hash> <name>", after a tag's
// own line "<hash> <name>^{}" with what it leads to.
func parseAdvertised(list []byte, longest int) model.RefList {
	c := collector{longest: longest, guess: true, refs: make([]model.Ref, 0, len(list)/60)}
	each(list, func(line []byte) {
		if v, ok := bytes.CutPrefix(line, []byte("symref HEAD:")); ok {
			c.target = string(v)
			return
		}
		var tip model.Hash
		if len(line) < 42 || !readHash((*[20]byte)(&tip), line) {
			return
		}
		if name, ok := bytes.CutSuffix(line[41:], []byte("^{}")); ok {
			if n := len(c.refs); n > 0 && c.refs[n-1].Name == printable(name) {
				c.refs[n-1].Peeled = tip
			}
			return
		}
		c.add(line[41:], tip, model.Hash{})
	})
	return c.done()
}

func (c *collector) add(name []byte, tip, peeled model.Hash) {
	if string(name) == "HEAD" {
		c.head = tip
		return
	}
	if len(name) > c.longest || tip.IsZero() || !validName(name) {
		return
	}
	r := model.Ref{Name: printable(name), Tip: tip, Peeled: peeled}
	if n := len(c.refs); n > 0 && c.refs[n-1].Name >= r.Name {
		c.unsorted = true
	}
	c.refs = append(c.refs, r)
}

func (c *collector) done() model.RefList {
	if c.unsorted {
		slices.SortStableFunc(c.refs, func(a, b model.Ref) int { return strings.Compare(a.Name, b.Name) })
		c.refs = slices.CompactFunc(c.refs, func(a, b model.Ref) bool { return a.Name == b.Name })
	}
	return model.RefList{Refs: c.refs, Default: c.defaultBranch()}
}

// defaultBranch is the branch HEAD names or, at a server too old to tell, one
// that points where HEAD does.
func (c *collector) defaultBranch() string {
	if c.target != "" {
		if strings.HasPrefix(c.target, model.HeadPrefix) && len(c.target) <= c.longest && validName([]byte(c.target)) {
			return printable([]byte(c.target))
		}
		return ""
	}
	best := ""
	for _, r := range c.refs {
		if _, ok := r.Branch(); !ok || r.Tip != c.head || c.head.IsZero() || !c.guess {
			continue
		}
		if best == "" || r.Name == model.HeadPrefix+"master" || r.Name == model.HeadPrefix+"main" {
			best = r.Name
		}
	}
	return best
}

// validName says whether name is one that git allows, below refs/heads/
// or refs/tags/ (git help check-ref-format).
func validName(name []byte) bool {
	short, ok := bytes.CutPrefix(name, []byte(model.HeadPrefix))
	if !ok {
		if short, ok = bytes.CutPrefix(name, []byte(model.TagPrefix)); !ok {
			return false
		}
	}
	if len(short) == 0 || short[0] == '.' || short[0] == '/' || short[len(short)-1] == '.' || short[len(short)-1] == '/' {
		return false
	}
	prev := byte(0)
	for i, b := range short {
		switch {
		case b <= ' ', b == 0x7f, b == '~', b == '^', b == ':', b == '?', b == '*', b == '[', b == '\\':
			return false
		case prev == '.' && b == '.', prev == '/' && (b == '.' || b == '/'), prev == '@' && b == '{':
			return false
		case b == '/' && bytes.HasSuffix(short[:i], []byte(".lock")):
			return false
		}
		prev = b
	}
	return !bytes.HasSuffix(short, []byte(".lock"))
}

// printable makes a valid ref name UTF-8. Different names stay different, for
// a ref name holds no backslash.
func printable(name []byte) string {
	if utf8.Valid(name) {
		return string(name)
	}
	var b strings.Builder
	for len(name) > 0 {
		r, n := utf8.DecodeRune(name)
		if r == utf8.RuneError && n == 1 {
			fmt.Fprintf(&b, `\x%02x`, name[0])
		} else {
			b.Write(name[:n])
		}
		name = name[n:]
	}
	return b.String()
}
