package issuekey

import (
	"unicode"
	"unicode/utf8"
)

func isDigit(b byte) bool  { return '0' <= b && b <= '9' }
func isLetter(b byte) bool { return 'a' <= b|0x20 && b|0x20 <= 'z' }
func isWord(b byte) bool   { return isLetter(b) || isDigit(b) || b == '_' }

func hasLetter(b []byte) bool {
	for _, c := range b {
		if isLetter(c) {
			return true
		}
	}
	return false
}

func hasLower(b []byte) bool {
	for _, c := range b {
		if 'a' <= c && c <= 'z' {
			return true
		}
	}
	return false
}

// appendUpper appends ASCII text in upper case.
func appendUpper(dst, src []byte) []byte {
	for _, c := range src {
		if 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst
}

// wordBefore says whether a letter or digit of any script ends at at.
func wordBefore(text []byte, at int) bool {
	if at == 0 {
		return false
	}
	if b := text[at-1]; b < utf8.RuneSelf {
		return isLetter(b) || isDigit(b)
	}
	r, _ := utf8.DecodeLastRune(text[:at])
	return wordRune(r)
}

// wordAfter says whether a letter or digit of any script begins at at.
func wordAfter(text []byte, at int) bool {
	if at == len(text) {
		return false
	}
	if b := text[at]; b < utf8.RuneSelf {
		return isLetter(b) || isDigit(b)
	}
	r, _ := utf8.DecodeRune(text[at:])
	return wordRune(r)
}

// wordRune says whether r belongs to a word. An invalid byte does, for it was a letter
// in some other encoding, and so does U+FFFD, which stands for one in cleaned
// text. Combining marks belong to the letter they stand on; the variation
// selectors among them follow symbols and do not.
func wordRune(r rune) bool {
	switch {
	case r == utf8.RuneError:
		return true
	case unicode.Is(unicode.Variation_Selector, r):
		return false
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Mc, r)
}
