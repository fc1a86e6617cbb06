package model

import (
	"bytes"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// A Person is an author as git knows one.
type Person struct{ Name, Email string }

// A RawCommit is a commit object as git stores it, without its header.
type RawCommit struct {
	Hash Hash
	Raw  []byte
}

// A Commit is a commit object taken apart and made fit to show: texts are valid
// UTF-8 without NUL, times lie between 1970 and 2100.
type Commit struct {
	Hash        Hash
	Parents     []Hash
	Author      Person
	AuthoredAt  time.Time
	CommittedAt time.Time
	Message     string // at most MaxMessage bytes
}

// MaxMessage bounds a message in bytes, as shown; keys are looked for in all of it.
const MaxMessage = 64 << 10

// maxUnix is 2100-01-01, the end of the years that are believed.
const maxUnix = 4102444800

// Subject is the first line of the message.
func (c Commit) Subject() string {
	s, _, _ := strings.Cut(strings.TrimLeft(c.Message, "\n"), "\n")
	return strings.TrimSpace(s)
}

// Merge says whether the commit has more than one parent.
func (c Commit) Merge() bool { return len(c.Parents) > 1 }

// Scan gives what linking needs, without copying: the parents, appended to buf;
// the commit time in seconds, clamped; and the message, as UTF-8. It never fails:
// what is missing or broken in one commit comes out empty.
func (c RawCommit) Scan(buf []Hash) (parents []Hash, committedAt int64, message []byte) {
	parents = buf
	var encoding string
	for rest := c.Raw; ; {
		line, after, found := bytes.Cut(rest, []byte{'\n'})
		if len(line) == 0 {
			if found {
				message = after
			}
			break
		}
		switch word, value, _ := bytes.Cut(line, []byte{' '}); string(word) {
		case "parent":
			if h, err := ParseHash(string(value)); err == nil {
				parents = append(parents, h)
			}
		case "committer":
			_, committedAt = parsePerson(value)
		case "encoding":
			encoding = string(value)
		}
		if !found {
			break
		}
		rest = after
	}
	return parents, committedAt, toUTF8(message, encoding)
}

// Parse takes the whole commit apart. It never fails, as Scan.
func (c RawCommit) Parse() Commit {
	out := Commit{Hash: c.Hash}
	parents, at, message := c.Scan(nil)
	out.Parents, out.CommittedAt = parents, time.Unix(at, 0).UTC()
	head, _, _ := bytes.Cut(c.Raw, []byte("\n\n"))
	var encoding string
	var author []byte
	for line := range bytes.SplitSeq(head, []byte{'\n'}) {
		if v, ok := bytes.CutPrefix(line, []byte("author ")); ok && author == nil {
			author = v
		} else if v, ok := bytes.CutPrefix(line, []byte("encoding ")); ok {
			encoding = string(v)
		}
	}
	var authored int64
	out.Author, authored = parsePerson(toUTF8(author, encoding))
	out.Author.Name, out.Author.Email = clean(out.Author.Name, 255), clean(out.Author.Email, 255)
	out.AuthoredAt = time.Unix(authored, 0).UTC()
	out.Message = clean(strings.TrimRight(string(message), "\n"), MaxMessage)
	return out
}

// parsePerson reads "Name <email> 1700000000 +0100"; any part may be missing.
func parsePerson(b []byte) (Person, int64) {
	open, end := bytes.IndexByte(b, '<'), bytes.LastIndexByte(b, '>')
	if open < 0 || end < open {
		return Person{Name: string(bytes.TrimSpace(b))}, 0
	}
	p := Person{Name: string(bytes.TrimSpace(b[:open])), Email: string(bytes.TrimSpace(b[open+1 : end]))}
	word, _, _ := strings.Cut(string(bytes.TrimSpace(b[end+1:])), " ")
	sec, err := strconv.ParseInt(word, 10, 64)
	switch {
	case err != nil && len(word) > 18 && word[0] != '-':
		sec = maxUnix // past what an int64 holds
	case err != nil || sec < 0:
		sec = 0
	}
	return p, min(sec, maxUnix)
}

// toUTF8 turns the one-byte encodings that old git clients wrote into UTF-8, as git
// log does; any other text is left for clean.
func toUTF8(b []byte, encoding string) []byte {
	switch strings.ToLower(encoding) {
	case "iso-8859-1", "iso8859-1", "latin1", "latin-1", "iso-8859-15", "windows-1252", "cp1252":
	default:
		return b
	}
	out := make([]byte, 0, len(b)+len(b)/8)
	for _, c := range b {
		out = utf8.AppendRune(out, rune(c))
	}
	return out
}

// clean makes s valid UTF-8 without NUL and at most limit bytes, cut between runes.
func clean(s string, limit int) string {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\uFFFD")
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
