package model

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// A template of a web address is the address with words in braces:
//
//	{branch}       the value, escaped for where it stands: its slashes stay in the path,
//	               and are escaped behind "?" or "#"
//	{branch:all}   the value with its slashes escaped everywhere
//	[#L{line}]     left out when a value in it is empty; brackets around no word are brackets
//
// There is nothing else in it.
var wordPattern = regexp.MustCompile(`\{([a-z]+)(:all)?\}`)

// Expand fills all words of a template; one without a value is empty. An empty
// template gives "", and so does a value that would climb the path: browsers take
// "%2E%2E" for "..", too.
func Expand(template string, values map[string]string) string {
	if anyClimbs(values) {
		return ""
	}
	var out strings.Builder
	for t := template; t != ""; {
		before, rest, found := strings.Cut(t, "[")
		fill(&out, before, values, false)
		if !found {
			break
		}
		inside, after, closed := strings.Cut(rest, "]")
		words := wordPattern.FindAllStringSubmatch(inside, -1)
		switch {
		case !closed:
			out.WriteByte('[')
			after = rest
		case len(words) == 0:
			out.WriteString("[" + inside + "]")
		case !slices.ContainsFunc(words, func(w []string) bool { return values[w[1]] == "" }):
			fill(&out, inside, values, false)
		}
		t = after
	}
	return out.String()
}

// FillTemplate fills the words that have a value and leaves the others, and all brackets,
// for Expand. A value that would climb the path gives "".
func FillTemplate(template string, values map[string]string) string {
	if anyClimbs(values) {
		return ""
	}
	var out strings.Builder
	fill(&out, template, values, true)
	return out.String()
}

// fill appends text with its words replaced; what out holds already tells where in the
// address they stand.
func fill(out *strings.Builder, text string, values map[string]string, leave bool) {
	last := 0
	for _, at := range wordPattern.FindAllStringSubmatchIndex(text, -1) {
		out.WriteString(text[last:at[0]])
		last = at[1]
		value, ok := values[text[at[2]:at[3]]]
		switch {
		case !ok && leave:
			out.WriteString(text[at[0]:at[1]])
		case at[4] >= 0 || strings.ContainsAny(out.String(), "?#"):
			out.WriteString(escapeAll(value))
		default:
			out.WriteString(escapePath(value))
		}
	}
	out.WriteString(text[last:])
}

// escapeAll makes a value safe anywhere in an address, ":" and "&" of a query included.
func escapeAll(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// escapePath escapes each segment.
func escapePath(s string) string {
	parts := strings.Split(s, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

// anyClimbs says whether a segment of a value is "." or "..", which no branch and no file has.
func anyClimbs(values map[string]string) bool {
	for _, v := range values {
		padded := "/" + v + "/"
		if strings.Contains(padded, "/../") || strings.Contains(padded, "/./") {
			return true
		}
	}
	return false
}

// CheckTemplate says what is wrong with a template that may hold the given words; it
// must begin with {web}, http:// or https://.
func CheckTemplate(template string, words ...string) error {
	text := wordPattern.ReplaceAllString(template, "")
	switch {
	case !strings.HasPrefix(template, "{web}") && !strings.HasPrefix(template, "https://") && !strings.HasPrefix(template, "http://"):
		return fmt.Errorf("begins neither with {web} nor with https:// or http://")
	case strings.ContainsAny(text, "{}"):
		return fmt.Errorf("holds a brace that is no word; the words here are %s", braced(words))
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || strings.ContainsRune(`"<>\^`+"`"+`|`, r) }):
		return fmt.Errorf("holds a character that is none of a web address; write it as %%XX")
	}
	for _, w := range wordPattern.FindAllStringSubmatch(template, -1) {
		if !slices.Contains(words, w[1]) {
			return fmt.Errorf("holds %s; the words here are %s", w[0], braced(words))
		}
	}
	return nil
}

func braced(words []string) string { return "{" + strings.Join(words, "} {") + "}" }
