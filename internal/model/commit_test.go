package model

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const someTree = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\n"

func raw(s string) RawCommit { return RawCommit{Raw: []byte(s)} }

func TestParseCommit(t *testing.T) {
	c := raw(someTree +
		"parent 1111111111111111111111111111111111111111\nparent 2222222222222222222222222222222222222222\n" +
		"author Ada L <ada@example.com> 1700000000 +0100\ncommitter Bob <bob@example.com> 1700000100 -0500\n" +
		"gpgsig -----BEGIN\n parent of nothing\n -----END\n\nAPP-1 first\n\nbody\n").Parse()
	if len(c.Parents) != 2 || !c.Merge() || c.Parents[0].String() != strings.Repeat("1", 40) {
		t.Errorf("parents %v", c.Parents)
	}
	if c.Author != (Person{"Ada L", "ada@example.com"}) || c.AuthoredAt != time.Unix(1700000000, 0).UTC() || c.CommittedAt != time.Unix(1700000100, 0).UTC() {
		t.Errorf("%+v", c)
	}
	if c.Subject() != "APP-1 first" || c.Message != "APP-1 first\n\nbody" {
		t.Errorf("message %q", c.Message)
	}
}

// Odd commits come out fit to show, and none stops the others.
func TestParseOddCommit(t *testing.T) {
	latin := raw(someTree + "author J\xf6rg <j@x> 1 +0000\ncommitter x <x> 1 +0000\nencoding ISO-8859-1\n\nAPP-1 gr\xfc\xdfe\n").Parse()
	if latin.Message != "APP-1 grüße" || latin.Author.Name != "Jörg" {
		t.Errorf("%q by %q", latin.Message, latin.Author.Name)
	}
	for name, s := range map[string]string{
		"empty": "", "no message": someTree, "only a blank line": "\n", "no person": someTree + "author\ncommitter\n\nx",
		"year 3170843": someTree + "author a <b> 99999999999999 +0000\ncommitter a <b> 99999999999999999999999999 +0000\n\nx",
		"before 1970":  someTree + "author a <b> -5 +0000\ncommitter a <b> -99999999999999999999 +0000\n\nx",
		"not utf-8":    someTree + "author \xff <\xfe> 1 +0000\ncommitter a <b> 1 +0000\n\n\xff\xfe\x00 x",
		"open bracket": someTree + "author a >b< 1\ncommitter a <b 1\n\nx",
		"long":         someTree + "author a <b> 1 +0000\ncommitter a <b> 1 +0000\n\n" + strings.Repeat("ü", MaxMessage),
	} {
		c := raw(s).Parse()
		if !utf8.ValidString(c.Message+c.Author.Name+c.Author.Email) || strings.Contains(c.Message, "\x00") || len(c.Message) > MaxMessage {
			t.Errorf("%s: not fit to show: %.80q", name, c.Message)
		}
		for _, at := range []time.Time{c.AuthoredAt, c.CommittedAt} {
			if at.Year() < 1970 || at.Year() > 2100 {
				t.Errorf("%s: %v", name, at)
			}
		}
	}
}

func FuzzParseCommit(f *testing.F) {
	f.Add([]byte(someTree + "author a <b> 1 +0000\ncommitter a <b> 1 +0000\n\nAPP-1"))
	f.Add([]byte("encoding latin1\n\n\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c := RawCommit{Raw: b}.Parse()
		if !utf8.ValidString(c.Message) || c.CommittedAt.Year() > 2100 {
			t.Errorf("%q, %v", c.Message, c.CommittedAt)
		}
		_, _, m := RawCommit{Raw: b}.Scan(nil)
		if len(c.Message) > 2*len(m)+3*bytes.Count(m, []byte{0xff})+MaxMessage {
			t.Error("the message grew")
		}
	})
}

func TestHash(t *testing.T) {
	const s = "0123456789abcdef0123456789abcdef01234567"
	h, err := ParseHash(strings.ToUpper(s))
	if err != nil || h.String() != s || h.IsZero() {
		t.Errorf("%v, %v", h, err)
	}
	for _, bad := range []string{"", s[1:], s + "0", strings.Repeat("g", 40)} {
		if _, err := ParseHash(bad); err == nil {
			t.Errorf("%q is taken for a hash", bad)
		}
	}
}

func TestIssueKeyProject(t *testing.T) {
	for key, want := range map[IssueKey]string{"APP-7": "APP", "MY_PROJ-7": "MY_PROJ", "X": "X"} {
		if key.Project() != want {
			t.Errorf("%s: %q", key, key.Project())
		}
	}
}

func TestLinks(t *testing.T) {
	l := Links{Commit: "https://x/commit/{hash}", Branch: "https://x/tree/{branch}"}
	if got := l.BranchURL(`feature/A-1"><svg>#?`); got != "https://x/tree/feature/A-1%22%3E%3Csvg%3E%23%3F" {
		t.Error(got)
	}
	if got := l.CommitURL(Hash{}); got != "https://x/commit/"+strings.Repeat("0", 40) {
		t.Error(got)
	}
	if (Links{}).BranchURL("main") != "" {
		t.Error("a link out of nothing")
	}
}
