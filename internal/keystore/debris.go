package keystore

import (
	"bytes"
	"encoding/hex"
	"html"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// withoutDebris undoes what mail, web pages, chats, JSON and word processors do to a text. It is for a
// text that could not be read as it is: a comment may hold such things rightly. It copies.
func withoutDebris(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte{'\n'})
	for _, clean := range []func([]byte) []byte{
		unescapeJSON, unquote, unprintable, unmarkup, unquote, unhide, asciiDashes,
	} {
		next := clean(text)
		if len(next) == 0 || &next[0] != &text[0] {
			defer clear(text)
		}
		text = next
		if len(text) == 0 {
			return text
		}
	}
	defer clear(text)
	return tidy(text)
}

var (
	// A line break written as \n right after a first line.
	jsonBreak  = regexp.MustCompile(`(-----|Key-File-[0-9]+: ?[a-z0-9-]+)(\\+r)?\\+[nr]`)
	jsonEscape = regexp.MustCompile(`\\+(?:[nrt/"]|u[0-9a-fA-F]{4})`)
)

// unescapeJSON undoes the escapes of a key copied out of JSON, a program or an environment file, once
// or several times escaped.
func unescapeJSON(text []byte) []byte {
	if !jsonBreak.Match(text) {
		return text
	}
	return jsonEscape.ReplaceAllFunc(text, func(m []byte) []byte {
		m = bytes.TrimLeft(m, `\`)
		switch m[0] {
		case 'n', 'r':
			return []byte{'\n'}
		case 't':
			return []byte{' '}
		case 'u':
			r, _ := strconv.ParseUint(string(m[1:]), 16, 16)
			return utf8.AppendRune(nil, rune(r))
		}
		return m
	})
}

var quoteMark = regexp.MustCompile(`(?m)^[ \t]*(?:[>|][ \t]*)+`)

// unquote takes off the "> " of an answered mail.
func unquote(text []byte) []byte { return quoteMark.ReplaceAll(text, nil) }

var (
	printable = regexp.MustCompile(`=[0-9A-Fa-f]{2}|=[ \t]*\n`)
	// A line that ends with = before one of these is the end of base64, not a soft line break.
	afterBase64 = regexp.MustCompile(`^\s*(?:-----END|Private-|Key-Derivation)`)
)

// unprintable undoes quoted-printable (RFC 2045 §6.7).
func unprintable(text []byte) []byte {
	found := printable.FindAllIndex(text, -1)
	if found == nil {
		return text
	}
	out := make([]byte, 0, len(text))
	at := 0
	padded := !bytes.Contains(bytes.ToUpper(text), []byte("=3D")) // a = stands for itself
	for _, m := range found {
		out = append(out, text[at:m[0]]...)
		at = m[1]
		spaced := len(out) == 0 || out[len(out)-1] == ' ' || out[len(out)-1] == '\n'
		switch code := text[m[0]:m[1]]; {
		case code[len(code)-1] != '\n':
			b, _ := hex.DecodeString(string(code[1:])) // the pattern takes nothing else
			out = append(out, b...)
		case padded && !spaced && afterBase64.Match(text[at:]):
			out = append(out, code...)
		}
	}
	return append(out, text[at:]...)
}

var tag = regexp.MustCompile(`<[/!a-zA-Z][^<>]{0,200}>`)

// unmarkup takes out tags and resolves the entities of HTML.
func unmarkup(text []byte) []byte {
	if !bytes.ContainsAny(text, "<&") {
		return text
	}
	return []byte(html.UnescapeString(string(tag.ReplaceAll(text, []byte("\n")))))
}

// unhide takes out characters that cannot be seen: zero-width spaces and joiners, soft
// hyphens, marks of direction.
func unhide(text []byte) []byte {
	return bytes.Map(func(r rune) rune {
		switch {
		case r == '\u00ad', r == '\ufeff', r >= '\u200b' && r <= '\u200f', r >= '\u202a' && r <= '\u202e', r >= '\u2060' && r <= '\u2064':
			return -1
		}
		return r
	}, text)
}

var dashes = regexp.MustCompile(`[-\x{2010}-\x{2015}\x{2212}]{2,10} ?(BEGIN|END) ([A-Z0-9 ]{0,30}(?:PRIVATE KEY|PUBLIC KEY|CERTIFICATE)) ?[-\x{2010}-\x{2015}\x{2212}]{2,10}`)

// asciiDashes mends the dashes around BEGIN and END that word processors join.
func asciiDashes(text []byte) []byte {
	return dashes.ReplaceAllFunc(text, func(m []byte) []byte {
		sub := dashes.FindSubmatch(m)
		if bytes.HasPrefix(sub[2], []byte("SSH2")) { // has four dashes and spaces
			return m
		}
		return []byte("-----" + string(sub[1]) + " " + string(sub[2]) + "-----")
	})
}
