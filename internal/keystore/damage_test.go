package keystore

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"html"
	"mime/quotedprintable"
	"strings"
	"unicode/utf16"
)

// A damage is what happens to the text of a key on its way.
type damage struct {
	name string
	on   string // formats whose names begin with one of these words; "" = all
	do   func([]byte) []byte
	code string // of the refusal; "" = the key is read all the same
	says string
}

func (d damage) applies(f format) bool {
	for word := range strings.FieldsSeq(d.on) {
		if word == "pem" && f.from != "putty" || strings.HasPrefix(f.name, word) {
			return true
		}
	}
	return d.on == ""
}

// lf gives a text with plain line breaks; puttygen writes those of its system.
func lf(text []byte) string { return strings.ReplaceAll(string(text), "\r\n", "\n") }

// swap is a damage that replaces words.
func swap(pairs ...string) func([]byte) []byte {
	return func(text []byte) []byte { return []byte(strings.NewReplacer(pairs...).Replace(lf(text))) }
}

func around(before, after string) func([]byte) []byte {
	return func(text []byte) []byte { return []byte(before + string(text) + after) }
}

func eachLine(before, after string) func([]byte) []byte {
	return func(text []byte) []byte {
		body := strings.TrimSuffix(lf(text), "\n")
		return []byte(before + strings.ReplaceAll(body, "\n", after+"\n"+before) + after + "\n")
	}
}

func wideText(order binary.AppendByteOrder, mark bool) func([]byte) []byte {
	return func(text []byte) []byte {
		var out []byte
		if mark {
			out = order.AppendUint16(out, 0xfeff)
		}
		for _, unit := range utf16.Encode([]rune(string(text))) {
			out = order.AppendUint16(out, unit)
		}
		return out
	}
}

// inMail is a text as Go's writer encodes it for mail; a text in one line gets soft line breaks.
func inMail(text []byte) []byte {
	var out bytes.Buffer
	w := quotedprintable.NewWriter(&out)
	_, _ = w.Write(text)
	_ = w.Close()
	return out.Bytes()
}

// inJSON is the inside of a JSON string.
func inJSON(text []byte) []byte {
	out, _ := json.Marshal(lf(text))
	return out
}

func oneLine(text []byte) []byte {
	return []byte(strings.ReplaceAll(strings.TrimSpace(lf(text)), "\n", " "))
}

// harmless is what a person's tools do to a key that can be undone.
var harmless = []damage{
	{name: "CRLF", do: swap("\n", "\r\n")},
	{name: "CR", do: swap("\n", "\r")},
	{name: "CR CR LF", do: swap("\n", "\r\r\n")},
	{name: "byte order mark", do: around("\xef\xbb\xbf", "")},
	{name: "UTF-16 LE", do: wideText(binary.LittleEndian, true)},
	{name: "UTF-16 BE", do: wideText(binary.BigEndian, true)},
	{name: "UTF-16 LE without mark", do: wideText(binary.LittleEndian, false)},
	{name: "UTF-16 BE without mark", do: wideText(binary.BigEndian, false)},
	{name: "indented", do: eachLine("    ", "")},
	{name: "tabs and spaces", do: eachLine("\t ", " \t")},
	{name: "hard spaces", do: eachLine("\u00a0\u00a0", "\u00a0")},
	{name: "no last line break", do: bytes.TrimSpace},
	{name: "blank lines between", do: swap("\n", "\n\n")},
	{name: "blank lines around", do: around("\n\n \n", "\n\n\n")},
	{name: "text around", do: around("Hello,\nthis is the key:\n\n", "\nBye\n")},
	{name: "code fence", do: around("```\n", "```\n")},
	{name: "quoted", do: eachLine("> ", "")},
	{name: "quoted twice", do: eachLine("> > ", "")},
	{name: "quoted densely", do: eachLine(">>", "")},
	{name: "quoted-printable", do: inMail},
	{name: "quoted-printable, lower case", do: swap("=", "=3d", "+", "=2b")},
	{name: "quoted-printable, all of it", do: swap("=", "=3D", "\n", "=0D=0A=\n", "/", "=2F")},
	{name: "quoted-printable, spaces at the ends", do: func(text []byte) []byte { return swap("\n", "=20\n")([]byte(strings.ReplaceAll(lf(text), "=", "=3D"))) }},
	{name: "quoted-printable, quoted", do: func(text []byte) []byte { return eachLine("> ", "")(inMail(text)) }},
	{name: "quoted-printable, one line", on: "pem", do: func(text []byte) []byte { return inMail(oneLine(text)) }},
	{name: "HTML", do: func(text []byte) []byte {
		return []byte("<pre>" + strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "\n", "<br>\n").Replace(html.EscapeString(lf(text))) + "</pre>")
	}},
	{name: "HTML, hard spaces and paragraphs", do: func(text []byte) []byte {
		return eachLine("<p class=\"x\">&nbsp;", "</p>")([]byte(html.EscapeString(lf(text))))
	}},
	{name: "HTML, quoted", do: func(text []byte) []byte { return eachLine("&gt; ", "<br/>")([]byte(html.EscapeString(lf(text)))) }},
	{name: "JSON", do: inJSON},
	{name: "JSON twice", do: func(text []byte) []byte { return inJSON(inJSON(text)) }},
	{name: "JSON with CR LF", do: func(text []byte) []byte {
		return []byte(`{"private_key": "` + strings.NewReplacer("\n", `\r\n`, "/", `\/`, "+", `\u002B`, "&", `\u0026`).Replace(lf(text)) + `"}`)
	}},
	{name: "environment file", do: func(text []byte) []byte {
		return []byte("KEY='" + strings.ReplaceAll(lf(text), "\n", `\n`) + "'\n")
	}},
	{name: "YAML", do: func(text []byte) []byte { return append([]byte("key: |\n"), eachLine("  ", "")(text)...) }},
	{name: "base64", do: func(text []byte) []byte { return []byte(base64.StdEncoding.EncodeToString(text)) }},
	{name: "one line", do: oneLine},
	{name: "one line, many spaces", do: func(text []byte) []byte {
		return []byte(strings.ReplaceAll(strings.TrimSpace(lf(text)), "\n", "   \t "))
	}},
	{name: "one line, no spaces", on: "pem", do: swap("\n", "")},
	{name: "broken at other places", on: "pem", do: func(text []byte) []byte {
		lines := strings.Split(strings.TrimSpace(lf(text)), "\n")
		for i, line := range lines {
			if len(line) > 60 {
				lines[i] = line[:7] + "\n" + line[7:]
			}
		}
		return []byte(strings.Join(lines, "\n"))
	}},
	{name: "joined dashes", on: "pem", do: swap("-----BEGIN", "—–BEGIN", "KEY-----", "KEY–—-")},
	{name: "zero-width spaces", do: swap("\n", "\u200b\n", "Pri", "P\u200bri", "MII", "M\u200bII", "b3Bl", "b\u00ad3Bl", "-----B", "-\u2060----B")},
	{name: "its public key beside it", do: around("", "\nssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB me@here\n")},
	{name: "its public key before it", do: around("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB me@here\n", "")},
	{name: "a certificate before it", do: around("Bag Attributes\n    friendlyName: x\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "")},
}

// half is a place in the middle of the private half of every container.
func half(text string) int { return len(text) * 11 / 20 }

// otherLetter replaces the letter at a place.
func otherLetter(text string, at int, with byte) string {
	for text[at] == '\n' || text[at] == '\r' {
		at++
	}
	if text[at] == with {
		with++
	}
	return text[:at] + string(with) + text[at+1:]
}

// fatal is what cannot be undone.
var fatal = []damage{
	{"cut in half", "", func(text []byte) []byte { return text[:len(text)/2] }, CodeUnreadable, "is cut"},
	{"cut in the first line", "", func(text []byte) []byte { return text[:18] }, CodeUnreadable, "holds no key"},
	{"last line cut", "", func(text []byte) []byte { return bytes.TrimSpace(text)[:len(bytes.TrimSpace(text))-5] }, CodeUnreadable, "is cut"},
	{"first line gone", "", func(text []byte) []byte { return text[bytes.IndexByte(text, '\n'):] }, CodeUnreadable, "-----BEGIN RSA PRIVATE KEY----- is missing"},
	{"a line gone", "pem", func(text []byte) []byte {
		body := lf(text)
		at := strings.LastIndex(body[:half(body)], "\n")
		return []byte(body[:at] + body[at+1+strings.Index(body[at+1:], "\n"):])
	}, CodeUnreadable, "damaged"},
	{"a letter changed", "", func(text []byte) []byte { return []byte(otherLetter(lf(text), half(lf(text)), 'B')) }, CodeUnreadable, ""},
	{"a letter that is none", "", func(text []byte) []byte { return []byte(otherLetter(lf(text), half(lf(text)), '!')) }, CodeUnreadable, "damaged"},
	{"comment changed", "ppk", swap("me & you", "you & me"), CodeUnreadable, "was changed after it was written"},
	{"MAC changed", "ppk", func(text []byte) []byte {
		return []byte(otherLetter(lf(text), strings.Index(lf(text), "MAC: ")+9, '0'))
	}, CodeUnreadable, "was changed"},
	{"empty inside", "pem", func(text []byte) []byte {
		return []byte(lf(text)[:strings.Index(lf(text), "\n")+1] + lf(text)[strings.Index(lf(text), "-----END"):])
	}, CodeUnreadable, "cannot be decoded"},
	{"twice", "", func(text []byte) []byte { return append(bytes.Clone(text), text...) }, CodeSeveral, "holds 2 private keys"},
	{"a PuTTY key beside it", "", around("", "\nPuTTY-User-Key-File-3: ssh-rsa\n"), CodeSeveral, "holds 2 private keys"},
	{"a PEM key beside it", "", around("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", ""), CodeSeveral, "holds 2 private keys"},
}
