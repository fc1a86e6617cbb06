package issuekey

import (
	"bytes"
	"strings"
)

// urls finds the web addresses of a text as its tokens are asked for, each byte once.
type urls struct {
	searched int  // no address begins before this, but the last one found
	end      int  // of the last address found
	own      bool // it lies under the base of a Jira site
}

var schemeEnd = []byte("://")

// foreign says whether the place at, which only grows from call to call, lies in
// a web address that is not Jira's.
func (u *urls) foreign(r *Rules, text []byte, at int) bool {
	for u.searched < at {
		i := bytes.Index(text[u.searched:at], schemeEnd)
		if i < 0 {
			u.searched = at
			break
		}
		scheme := u.searched + i
		start := scheme + len(schemeEnd)
		if u.searched = start; scheme == 0 || !isLetter(text[scheme-1]) && !isDigit(text[scheme-1]) {
			continue // "://" of no address
		}
		u.end = urlEnd(text, start)
		u.own = r.ownURL(text[:scheme], text[start:u.end])
		u.searched = u.end
	}
	return at < u.end && !u.own
}

// urlEnd is where the address ends whose scheme ends at at: before white space, a
// control character, one of <>"`{}|\^ or a closing bracket that nothing in it opened.
func urlEnd(text []byte, at int) int {
	round, square := 0, 0
	for ; at < len(text); at++ {
		switch c := text[at]; c {
		case '<', '>', '"', '`', '{', '}', '|', '\\', '^', 0x7f:
			return at
		case '(':
			round++
		case ')':
			if round--; round < 0 {
				return at
			}
		case '[':
			square++
		case ']':
			if square--; square < 0 {
				return at
			}
		default:
			if c <= ' ' {
				return at
			}
		}
	}
	return at
}

// ownURL says whether an address, taken apart at its "://", lies under a Jira base.
// The scheme may be either of http and https; case does not matter.
func (r *Rules) ownURL(before, rest []byte) bool {
	if !hasSuffixFold(before, "http") && !hasSuffixFold(before, "https") {
		return false
	}
	for _, base := range r.bases {
		if len(rest) < len(base) || !bytes.EqualFold(rest[:len(base)], base) {
			continue
		}
		if len(rest) == len(base) || strings.IndexByte("/?#", rest[len(base)]) >= 0 {
			return true
		}
	}
	return false
}

func hasSuffixFold(b []byte, suffix string) bool {
	return len(b) >= len(suffix) && bytes.EqualFold(b[len(b)-len(suffix):], []byte(suffix))
}
