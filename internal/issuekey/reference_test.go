package issuekey

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"

	"issuetrail/internal/model"
)

// The rules a second time, slow and plain: on runes, with regular expressions, by
// listing all readings of the text and striking out. It shares no code with the scanner.

var (
	refToken = regexp.MustCompile(`[A-Za-z0-9_]+-[0-9]+`)
	refMerge = regexp.MustCompile(`(?m)^Merge (remote-tracking )?branch '(\S{0,240}/)?$`)
	refDeny  = strings.Fields("UTF SHA ISO CVE CWE RFC AES RSA MD IEEE ECMA KOI CP IPV ES X RC V")
)

// mark replaces each byte that is not UTF-8, and U+FFFD, by a letter that nothing else uses.
func mark(text string) []rune {
	out := []rune(text)
	for i, r := range out {
		if r == '\uFFFD' {
			out[i] = 'ƀ'
		}
	}
	return out
}

func refWord(text []rune, at int) bool {
	if at < 0 || at >= len(text) {
		return false
	}
	r := text[at]
	if unicode.In(r, unicode.Variation_Selector) {
		return false
	}
	return unicode.In(r, unicode.L, unicode.Nd, unicode.Mn, unicode.Mc)
}

// refForeign marks the runes that lie in web addresses which are not Jira's.
func refForeign(text []rune, bases []string) []bool {
	out := make([]bool, len(text))
	for at := 1; at+3 <= len(text); at++ {
		if string(text[at:at+3]) != "://" || !regexp.MustCompile(`[A-Za-z0-9]`).MatchString(string(text[at-1])) {
			continue
		}
		end, open := at+3, map[rune]int{}
		for ; end < len(text); end++ {
			r := text[end]
			if r <= ' ' || r == 0x7f || strings.ContainsRune("<>\"`{}|\\^", r) {
				break
			}
			open[r]++
			if open[')'] > open['('] || open[']'] > open['['] {
				break
			}
		}
		own := false
		for _, b := range bases {
			before, rest := strings.ToLower(string(text[:at])), strings.ToLower(string(text[at+3:end]))
			http := strings.HasSuffix(before, "http") || strings.HasSuffix(before, "https")
			own = own || http && regexp.MustCompile(`^`+regexp.QuoteMeta(b)+`([/?#]|$)`).MatchString(rest)
		}
		for i := at + 3; i < end; i++ {
			out[i] = !own
		}
		at = end - 1
	}
	return out
}

type refRules struct {
	known map[string]string
	set   bool
	dc    bool
	bases []string
}

func (r refRules) find(s string, kind Kind) []model.IssueKey {
	text := mark(s)
	foreign := refForeign(text, r.bases)
	var out []model.IssueKey
	for dash := range text {
		start, end := dash, dash+1
		for start > 0 && regexp.MustCompile(`^[A-Za-z0-9_]$`).MatchString(string(text[start-1])) {
			start--
		}
		for end < len(text) && '0' <= text[end] && text[end] <= '9' {
			end++
		}
		if text[dash] != '-' || !refToken.MatchString(string(text[start:end])) || refWord(text, end) {
			continue
		}
		digits := string(text[dash+1 : end])
		if n, err := strconv.ParseInt(digits, 10, 32); err != nil || n < 1 || digits[0] == '0' {
			continue
		}
		from := r.project(text, start, dash, end, kind)
		if from < 0 || foreign[from] {
			continue
		}
		project := strings.ToUpper(string(text[from:dash]))
		if to := r.known[project]; to != "" {
			project = to
		}
		if key := model.IssueKey(project + "-" + digits); !slices.Contains(out, key) && len(out) < 500 {
			out = append(out, key)
		}
	}
	return out
}

// project gives where the project key begins, or -1.
func (r refRules) project(text []rune, start, dash, end int, kind Kind) int {
	var starts []int
	for i := start; i < dash; i++ {
		if text[i] < 0x80 && unicode.IsLetter(text[i]) && !refWord(text, i-1) {
			starts = append(starts, i)
		}
	}
	for _, from := range starts {
		if r.known[strings.ToUpper(string(text[from:dash]))] != "" {
			return from
		}
	}
	if r.set || len(starts) == 0 {
		return -1
	}
	from := starts[0]
	if !r.dc {
		from = starts[len(starts)-1]
	}
	project, after := string(text[from:dash]), string(text[end:])
	switch {
	case !r.dc && strings.Contains(project, "_"),
		len(project) < 2, len(project) > 10,
		slices.Contains(refDeny, strings.ToUpper(project)):
		return -1
	}
	if m := regexp.MustCompile(`^-[0-9]+`).FindString(after); m != "" && !refWord(text, end+len(m)) {
		return -1
	}
	if project == strings.ToUpper(project) {
		return from
	}
	before := string(text[:from])
	segment := kind == Branch && (before == "" || strings.HasSuffix(before, "/")) ||
		kind == Message && refMerge.MatchString(lastLine(before))
	if segment && !regexp.MustCompile(`^\.[0-9]`).MatchString(after) {
		return from
	}
	return -1
}

func lastLine(s string) string { return s[strings.LastIndexByte(s, '\n')+1:] }

// references pairs rules with their plain twin.
var references = []struct {
	rules *Rules
	twin  refRules
}{
	{noSet, refRules{bases: []string{"acme.atlassian.net", "jira.internal/jira"}}},
	{New(Options{DataCenter: true}), refRules{dc: true}},
	{withSet, refRules{
		set:   true,
		bases: []string{"acme.atlassian.net"},
		known: map[string]string{"ABC": "ABC", "DEF": "DEF", "PROJ": "PROJ", "MY_PROJ": "MY_PROJ", "J2": "J2"},
	}},
	{
		New(Options{Aliases: map[string]string{"OLD": "ABC"}}),
		refRules{known: map[string]string{"OLD": "ABC", "ABC": "ABC"}},
	},
}

func compare(t interface{ Errorf(string, ...any) }, text string) {
	for i, p := range references {
		for _, kind := range []Kind{Message, Branch} {
			got, want := p.rules.FindString(text, kind), p.twin.find(text, kind)
			if !slices.Equal(got, want) {
				t.Errorf("rules %d, kind %d, %q: found %q, the reference %q", i, kind, text, got, want)
			}
			if told := explained(p.rules, text, kind); !slices.Equal(got, told) {
				t.Errorf("rules %d, kind %d, %q: found %q, explained %q", i, kind, text, got, told)
			}
		}
	}
}

// pieces are what tricky texts are made of.
var pieces = []string{
	"ABC", "abc", "DEF", "J2", "MY_PROJ", "my_proj", "OLD", "old", "UTF", "x", "A", "ABCDEFGHIJK", "GHI",
	"-", "-", "-", "_", "_", "1", "2", "0", "12", "2147483647", "2147483648", "/", "/", ".", ",", " ", "\n", "'", "\"",
	"(", ")", "[", "]", "://", "http", "https", "https://acme.atlassian.net", "/browse/", "https://jira.internal/jira", "https://o/",
	"Merge branch '", "Merge remote-tracking branch '", "é", "Ä", "\u0308", "\ufe0f", "日", "\u0663", "\xff", "\xc3", "\ufffd", "<", ">", "|", "?", "#", "@",
}

// TestReference compares the scanner with its twin on texts put together at random.
func TestReference(t *testing.T) {
	text := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 24).Draw(t, "pieces"), "")
	})
	rapid.Check(t, func(t *rapid.T) { compare(t, text.Draw(t, "text")) })
}

func FuzzReference(f *testing.F) {
	for _, s := range []string{"ABC-1 fix", "Merge branch 'abc-1'", "\xffABC-1 https://o/ABC-2", "x_my_proj-2-3", "ABC-1-2nd.3"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) < 2000 {
			compare(t, text)
		}
	})
}
