package keystore

import (
	"bytes"
	"encoding/binary"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	bom     = []byte("\xef\xbb\xbf")
	utf16LE = []byte("\xff\xfe")
	utf16BE = []byte("\xfe\xff")
)

// decoded gives a text as UTF-8, of what Windows editors and PowerShell write as UTF-16, and
// of a whole file in base64, as secrets of Kubernetes and of CI services are. It copies.
func decoded(text []byte) []byte {
	if order := wide(text); order != nil {
		text = fromUTF16(text, order)
	}
	text = bytes.TrimSpace(bytes.TrimPrefix(text, bom))
	for _, start := range []string{"LS0tLS1CRUdJTi", "UHVUVFktVXNlci1LZXktRmlsZS"} { // "-----BEGIN", "PuTTY-User-Key-File"
		if bytes.HasPrefix(text, []byte(start)) {
			if inner, ok := unbase64(text); ok {
				return bytes.TrimPrefix(inner, bom)
			}
		}
	}
	return bytes.Clone(text)
}

// wide says whether a text is UTF-16, by its byte order mark, or because every other byte of
// its beginning is 0.
func wide(text []byte) binary.ByteOrder {
	head := text[:min(len(text), 16)]
	switch {
	case bytes.HasPrefix(text, utf16LE):
		return binary.LittleEndian
	case bytes.HasPrefix(text, utf16BE):
		return binary.BigEndian
	case len(head) < 16 || bytes.Count(head, []byte{0}) != 8:
		return nil
	case head[1] == 0 && head[3] == 0 && head[5] == 0:
		return binary.LittleEndian
	case head[0] == 0 && head[2] == 0 && head[4] == 0:
		return binary.BigEndian
	}
	return nil
}

func fromUTF16(text []byte, order binary.ByteOrder) []byte {
	units := make([]uint16, 0, len(text)/2)
	for ; len(text) >= 2; text = text[2:] {
		units = append(units, order.Uint16(text))
	}
	defer clear(units)
	if len(units) > 0 && units[0] == 0xfeff {
		units = units[1:]
	}
	out := make([]byte, 0, len(units))
	for _, r := range utf16.Decode(units) {
		out = utf8.AppendRune(out, r)
	}
	return out
}

// tidy takes away what copying adds and no key can have: CR, empty lines, space around
// lines, a missing last line break. It copies.
func tidy(text []byte) []byte {
	out := make([]byte, 0, len(text)+1)
	for line := range bytes.FieldsFuncSeq(text, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = bytes.TrimLeftFunc(line, blank)
		// The MAC of a PuTTY key covers the comment, and spaces at its end.
		if !bytes.HasPrefix(line, []byte("Comment:")) {
			line = bytes.TrimRightFunc(line, blank)
		}
		if len(line) > 0 {
			out = append(append(out, line...), '\n')
		}
	}
	return out
}

// blank are spaces of all kinds, and the byte order mark in the middle of a text.
func blank(r rune) bool { return unicode.IsSpace(r) || r == '\ufeff' || r == utf8.RuneError }
