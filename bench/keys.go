package main

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// This file finds issue keys a second time, from docs/issue-keys.md alone and in the
// plainest way, to hold against what issuetrail links. It shares no code with it. It knows
// the rules for a given list of projects, and no Jira site: keys in web addresses
// never count.

var (
	candidate = regexp.MustCompile(`[A-Za-z0-9_]+-[0-9]+`)
	address   = regexp.MustCompile("[A-Za-z0-9]://[^\\x00-\\x20<>\"`{}|\\\\^\\x7f]*")
)

// keysIn gives the keys that a text names, each once.
func keysIn(text string, projects map[string]bool) []string {
	var out []string
	seen := map[string]bool{}
	web := address.FindAllStringIndex(text, -1)
	for i := range web {
		web[i][1] = web[i][0] + balanced(text[web[i][0]:web[i][1]])
	}
	for _, at := range candidate.FindAllStringIndex(text, -1) {
		word, number, _ := strings.Cut(text[at[0]:at[1]], "-")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > 1<<31-1 || number[0] == '0' || startsWithWord(text[at[1]:]) {
			continue
		}
		from, project := project(word, endsWithWord(text[:at[0]]), projects)
		if project == "" || inside(web, at[0]+from) {
			continue
		}
		if key := project + "-" + number; !seen[key] && len(out) < 500 {
			seen[key] = true
			out = append(out, key)
		}
	}
	return out
}

// project is the longest end of a word that is a known project, and where it starts: the
// whole word unless it grows out of another one, or what follows a "_".
func project(word string, grown bool, projects map[string]bool) (int, string) {
	for i := range len(word) {
		if i == 0 && grown || i > 0 && word[i-1] != '_' {
			continue
		}
		if up := strings.ToUpper(word[i:]); projects[up] {
			return i, up
		}
	}
	return 0, ""
}

// balanced is where a web address ends: before a closing bracket that it did not open.
func balanced(s string) int {
	open := map[byte]int{}
	for i := range len(s) {
		switch s[i] {
		case '(', '[':
			open[s[i]]++
		case ')':
			if open['(']--; open['('] < 0 {
				return i
			}
		case ']':
			if open['[']--; open['['] < 0 {
				return i
			}
		}
	}
	return len(s)
}

func inside(spans [][]int, at int) bool {
	for _, s := range spans {
		if s[0] <= at && at < s[1] {
			return true
		}
	}
	return false
}

func startsWithWord(s string) bool {
	r, size := utf8.DecodeRuneInString(s)
	return size > 0 && isWord(r)
}

func endsWithWord(s string) bool {
	r, size := utf8.DecodeLastRuneInString(s)
	return size > 0 && isWord(r)
}

// isWord says whether a rune beside a candidate makes it part of a longer word: letters
// and digits of all scripts, marks on them, and bytes that are no UTF-8.
func isWord(r rune) bool {
	return r == utf8.RuneError || unicode.In(r, unicode.L, unicode.Nd, unicode.Mn, unicode.Mc) && !unicode.Is(unicode.Variation_Selector, r)
}
