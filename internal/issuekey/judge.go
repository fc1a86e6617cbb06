package issuekey

import (
	"bytes"
	"slices"
)

// A verdict is what becomes of a token. Those up to takenLast are keys.
type verdict int

const (
	takenKnown   verdict = iota // the project is in the list
	takenStrict                 // upper case, by the strict rules
	takenSegment                // any case, at the start of a segment of a branch name
	takenLast            = takenSegment

	noToken       verdict = iota // no letter before the dash: a date, a range
	noBefore                     // grows out of a letter or digit
	noAfter                      // runs on with a letter or digit
	noZero                       // number 0 or with a leading zero
	noHuge                       // number too large
	noUnknown                    // project not in the list
	noShort                      // project key too short
	noLong                       // project key too long
	noUnderscore                 // Cloud keys hold no "_", and after it stands no letter
	noDenied                     // the name of a standard
	noLower                      // lower case, and no list that knows the project
	noNumberAfter                // another number follows
	noVersion                    // a version number in a branch name
	noForeignURL                 // in a web address that is not Jira's
)

func (v verdict) taken() bool { return v <= takenLast }

// denied are words that look like project keys and mostly are not: names of standards
// and of versions. A list of projects overrules them.
var denied = []string{
	"UTF", "SHA", "ISO", "CVE", "CWE", "RFC", "AES", "RSA", "MD", "IEEE", "ECMA", "KOI", "CP", "IPV", "ES", "X", "RC", "V",
}

// A scanner judges the tokens of one text, from left to right.
type scanner struct {
	rules *Rules
	text  []byte
	kind  Kind
	urls  urls
}

// judge decides on a token and sets where its project key begins.
//
//  1. shape: no letter or digit right before and after, a sane number
//  2. a known project: any case, any place; of "a_b_c" the longest known end
//  3. else, and only without a list of projects: the strict rules
//  4. in a web address: only under Jira's own
func (s *scanner) judge(t *token) verdict {
	first := s.firstStart(t)
	switch {
	case first < 0 && !hasLetter(s.text[t.start:t.dash]):
		return noToken
	case first < 0:
		return noBefore
	case wordAfter(s.text, t.end):
		return noAfter
	}
	t.from = first
	if v := number(s.text[t.dash+1 : t.end]); v != takenKnown {
		return v
	}
	v := s.known(t)
	if v == noUnknown && !s.rules.set {
		v = s.strict(t)
	}
	if v.taken() && s.urls.foreign(s.rules, s.text, t.from) {
		return noForeignURL
	}
	return v
}

// firstStart is the leftmost place in the word where a project key may begin: a letter
// at its start, if nothing stands there that it grows out of, or after a "_".
// -1 = there is none.
func (s *scanner) firstStart(t *token) int {
	if isLetter(s.text[t.start]) && !wordBefore(s.text, t.start) {
		return t.start
	}
	return s.startAfter(t.start, t.dash)
}

// startAfter is the first place behind at, and before dash, where a letter follows a "_".
func (s *scanner) startAfter(at, dash int) int {
	for at < dash {
		i := bytes.IndexByte(s.text[at:dash], '_')
		if i < 0 {
			return -1
		}
		if at += i + 1; at < dash && isLetter(s.text[at]) {
			return at
		}
	}
	return -1
}

// number says what is wrong with an issue number; takenKnown = nothing.
func number(digits []byte) verdict {
	if digits[0] == '0' {
		return noZero
	}
	n := 0
	for _, d := range digits {
		if n = 10*n + int(d-'0'); n > maxNumber {
			return noHuge
		}
	}
	return takenKnown
}

// known looks for the longest part of the word that is a known project.
func (s *scanner) known(t *token) verdict {
	for from := t.from; from >= 0; from = s.startAfter(from, t.dash) {
		if t.dash-from > s.rules.longest {
			continue
		}
		var buf [maxKeyLen]byte
		if _, ok := s.rules.known[string(appendUpper(buf[:0], s.text[from:t.dash]))]; ok {
			t.from = from
			return takenKnown
		}
	}
	return noUnknown
}

// strict judges a project that no list knows.
func (s *scanner) strict(t *token) verdict {
	if !s.rules.dataCenter {
		if i := bytes.LastIndexByte(s.text[t.from:t.dash], '_'); i >= 0 {
			if t.from += i + 1; t.from == t.dash || !isLetter(s.text[t.from]) {
				return noUnderscore
			}
		}
	}
	project := s.text[t.from:t.dash]
	switch {
	case len(project) > s.rules.maxLen:
		return noLong
	case isDenied(project):
		return noDenied
	case len(project) < minKeyLen:
		return noShort
	case numberFollows(s.text, t.end):
		return noNumberAfter
	case !hasLower(project):
		return takenStrict
	case !s.segmentStart(t.from):
		return noLower
	case dotted(s.text, t.end):
		return noVersion // dependabot/npm/lodash-4.17.21
	}
	return takenSegment
}

func isDenied(project []byte) bool {
	var buf [maxKeyLen]byte
	upper := appendUpper(buf[:0], project)
	return slices.ContainsFunc(denied, func(d string) bool { return d == string(upper) })
}

// numberFollows says whether "-D+" stands at at, and no letter after it: CVE-2021-44228,
// TICKET-12345-455, but not ABC-123-2nd-try.
func numberFollows(text []byte, at int) bool {
	if at+1 >= len(text) || text[at] != '-' || !isDigit(text[at+1]) {
		return false
	}
	for at++; at < len(text) && isDigit(text[at]); at++ {
	}
	return !wordAfter(text, at)
}

// dotted says whether ".D" stands at at.
func dotted(text []byte, at int) bool {
	return at+1 < len(text) && text[at] == '.' && isDigit(text[at+1])
}

// maxBranch bounds how far back the opening quote of a branch name is looked for.
const maxBranch = 250

// segmentStart says whether a segment of a branch name begins at at, in a branch name or
// in a message that git made: Merge branch 'feature/abc-12-x' into main.
func (s *scanner) segmentStart(at int) bool {
	if s.kind == Branch {
		return at == 0 || s.text[at-1] == '/'
	}
	if at == 0 || s.text[at-1] != '/' && s.text[at-1] != '\'' {
		return false
	}
	for i := at - 1; i >= max(0, at-maxBranch) && s.text[i] > ' '; i-- {
		if s.text[i] == '\'' {
			return opensMerge(s.text[:i])
		}
	}
	return false
}

// opensMerge says whether the last line of text is the start of a merge message, up to
// the quote.
func opensMerge(text []byte) bool {
	for _, words := range []string{"Merge branch ", "Merge remote-tracking branch "} {
		if rest, ok := bytes.CutSuffix(text, []byte(words)); ok {
			return len(rest) == 0 || rest[len(rest)-1] == '\n'
		}
	}
	return false
}
