package issuekey

import (
	"strings"
	"testing"

	"issuetrail/internal/model"
)

var (
	noSet   = New(Options{JiraBase: []string{"https://acme.atlassian.net/", "https://jira.internal/jira"}})
	noSetDC = New(Options{JiraBase: []string{"https://acme.atlassian.net"}, DataCenter: true, MaxKeyLen: 20})
	withSet = New(Options{
		Projects: []string{"ABC", "DEF", "PROJ", "MY_PROJ", "J2"},
		JiraBase: []string{"https://acme.atlassian.net"},
	})
)

func join(keys []model.IssueKey) string {
	var out []string
	for _, k := range keys {
		out = append(out, string(k))
	}
	return strings.Join(out, " ")
}

// check compares Find, FindString and Explain with want, keys parted by spaces.
func check(t *testing.T, r *Rules, kind Kind, text, want string) {
	t.Helper()
	if got := join(r.Find([]byte(text), kind)); got != want {
		t.Errorf("Find(%q, %d) = %q, want %q", text, kind, got, want)
	}
	if got := join(r.FindString(text, kind)); got != want {
		t.Errorf("FindString(%q, %d) = %q, want %q", text, kind, got, want)
	}
	if got := join(explained(r, text, kind)); got != want {
		t.Errorf("Explain(%q, %d) takes %q, want %q", text, kind, got, want)
	}
}

func explained(r *Rules, text string, kind Kind) []model.IssueKey {
	var l list
	for _, c := range r.Explain([]byte(text), kind) {
		if c.Taken {
			l.add([]byte(c.Key))
		}
	}
	return l.keys
}

// TestTable holds the inputs that other tools get wrong, each with the keys it names
// without a list of projects and with one.
func TestTable(t *testing.T) {
	for _, c := range []struct {
		kind      Kind
		text      string
		none, set string
	}{
		{Message, "ABC-123 fix", "ABC-123", "ABC-123"},
		{Branch, "feature/abc-123-login", "ABC-123", "ABC-123"},
		{Message, "abc-123 fix", "", "ABC-123"},
		{Message, "ABC-1,DEF-2", "ABC-1 DEF-2", "ABC-1 DEF-2"},
		{Message, "feature_ABC-123_x", "ABC-123", "ABC-123"},
		{Branch, "feature_ABC-123_x", "ABC-123", "ABC-123"},
		{Message, "MY_PROJ-7", "PROJ-7", "MY_PROJ-7"},
		{Message, "thisNOT-123", "", ""},
		{Message, "ABC-123abcd DEF-456", "DEF-456", "DEF-456"},
		{Message, "UTF-8 SHA-256 ISO-8859-1", "", ""},
		{Message, "x86-64 utf-8 lodash-4.17.21 release-2.3", "", ""},
		{Message, "CVE-2021-44228", "", ""},
		{Branch, "ABC-123-2nd-try", "ABC-123", "ABC-123"},
		{Message, "TICKET-12345-455", "", ""},
		{Message, "A-1", "", ""},
		{Message, "ABC-0", "", ""},
		{Message, "ABC-090", "", ""},
		{Message, "ÄBC-1", "", ""},
		{Message, "xÉABC-5", "", ""},
		{Message, "https://other/browse/ABC-9", "", ""},
		{Message, "ABC-12345678901234567890", "", ""},
		{Message, `Revert "ABC-1 x"`, "ABC-1", "ABC-1"},
	} {
		check(t, noSet, c.kind, c.text, c.none)
		check(t, withSet, c.kind, c.text, c.set)
	}
	check(t, noSetDC, Message, "MY_PROJ-7", "MY_PROJ-7")
	check(t, New(Options{Projects: []string{"A"}}), Message, "A-1", "A-1")
}

// TestMore goes on where the table ends.
func TestMore(t *testing.T) {
	for _, c := range []struct {
		kind      Kind
		text      string
		none, set string
	}{
		// Places and neighbours.
		{Message, "", "", ""},
		{Message, "-", "", ""},
		{Message, "-1", "", ""},
		{Message, "ABC-", "", ""},
		{Message, "ABC -1", "", ""},
		{Message, "ABC- 1", "", ""},
		{Message, "ABC--1", "", ""},
		{Message, "ABC_-1", "", ""},
		{Message, "ABC-1", "ABC-1", "ABC-1"},
		{Message, "ABC-1.", "ABC-1", "ABC-1"},
		{Message, "(ABC-1)", "ABC-1", "ABC-1"},
		{Message, "[ABC-1][DEF-2]", "ABC-1 DEF-2", "ABC-1 DEF-2"},
		{Message, "#ABC-1", "ABC-1", "ABC-1"},
		{Message, "ABC-1:fix", "ABC-1", "ABC-1"},
		{Message, "ABC-1/DEF-2", "ABC-1 DEF-2", "ABC-1 DEF-2"},
		{Message, "ABC-1+DEF-2", "ABC-1 DEF-2", "ABC-1 DEF-2"},
		{Message, "ABC-1-DEF-2", "ABC-1 DEF-2", "ABC-1 DEF-2"},
		{Message, "ABC-1_DEF-2", "ABC-1 DEF-2", "ABC-1 DEF-2"},
		{Message, "_ABC-1_", "ABC-1", "ABC-1"},
		{Message, "__ABC-1", "ABC-1", "ABC-1"},
		{Message, "1ABC-1", "", ""},
		{Message, "1_ABC-1", "ABC-1", "ABC-1"},
		{Message, "-ABC-1", "ABC-1", "ABC-1"},
		{Message, "pre-ABC-1", "ABC-1", "ABC-1"},
		{Message, "ABC-1DEF-2", "", ""},
		{Message, "ABC\n-1", "", ""},
		{Message, "DEF-2\nABC-1\nDEF-2", "DEF-2 ABC-1", "DEF-2 ABC-1"},
		{Message, "ABC-1\x00DEF-2", "ABC-1 DEF-2", "ABC-1 DEF-2"},
		{Message, "\tABC-1\r\n", "ABC-1", "ABC-1"},
		// Other scripts and broken text.
		{Message, "«ABC-1»", "ABC-1", "ABC-1"},
		{Message, "ABC-1…", "ABC-1", "ABC-1"},
		{Message, "ABC-1é", "", ""},
		{Message, "ABC‑1", "", ""},              // non-breaking hyphen
		{Message, "АBC-1", "", ""},              // a Cyrillic letter first
		{Message, "ABC-1日", "", ""},             // a letter right after
		{Message, "修复 ABC-1", "ABC-1", "ABC-1"}, // a space parts it
		{Message, "修复：ABC-1。", "ABC-1", "ABC-1"},
		{Message, "ABC-1\u0663", "", ""},                 // an Arabic digit
		{Message, "A\u0308ABC-1", "", ""},                // grows out of Ä, written as two
		{Message, "⚠\ufe0fABC-1", "ABC-1", "ABC-1"},      // a symbol with its selector
		{Message, "\u200bABC-1", "ABC-1", "ABC-1"},       // zero-width space
		{Message, "\xc4BC-1 DEF-2", "DEF-2", "DEF-2"},    // Latin-1 Ä
		{Message, "ABC-1\xe9 DEF-2", "DEF-2", "DEF-2"},   // Latin-1 é
		{Message, "\ufffdABC-1 DEF-2", "DEF-2", "DEF-2"}, // the same, cleaned
		{Message, "é_ABC-1", "ABC-1", "ABC-1"},
		// Numbers.
		{Message, "ABC-2147483647", "ABC-2147483647", "ABC-2147483647"},
		{Message, "ABC-2147483648", "", ""},
		{Message, "ABC-00", "", ""},
		{Message, "ABC-1.5", "ABC-1", "ABC-1"},
		{Message, "ABC-1e5", "", ""},
		{Message, "FF-12345678", "FF-12345678", ""},
		{Message, "2021-12-24", "", ""},
		{Message, "1.2.3-4", "", ""},
		// Projects.
		{Message, "J2-5 j2-6", "J2-5", "J2-5 J2-6"},
		{Message, "ABCDEFGHIJ-1", "ABCDEFGHIJ-1", ""},
		{Message, "ABCDEFGHIJK-1", "", ""},
		{Message, "GHI-1", "GHI-1", ""},
		{Message, "Abc-1", "", "ABC-1"},
		{Message, "aMY_PROJ-1", "PROJ-1", "PROJ-1"},
		{Message, "x_my_proj-1", "", "MY_PROJ-1"},
		{Message, "X_MY_PROJ-1", "PROJ-1", "MY_PROJ-1"},
		{Message, "MY_PROJ_-1", "", ""},
		{Message, "ABC_2-1", "", ""},
		{Message, "KEY-1_tag", "KEY-1", ""},
		{Message, "RFC-2616 aes-256 ES-6 V-2 X-11 RC-1 MD-5", "", ""},
		{Message, "X_UTF-8", "", ""},
		{Message, "UTFX-8", "UTFX-8", ""},
		{Message, "ABC-1-2", "", "ABC-1"},
		{Message, "ABC-1-2-3", "", "ABC-1"},
		{Message, "ABC-1-2x", "ABC-1", "ABC-1"},
		{Message, "ABC-1-2_x", "", "ABC-1"},
		{Message, "ABC-1--2", "ABC-1", "ABC-1"},
		{Message, "ABC-1-x-2", "ABC-1", "ABC-1"},
		// Branches, and messages that git writes about them.
		{Branch, "abc-1", "ABC-1", "ABC-1"},
		{Branch, "Abc-1-x", "ABC-1", "ABC-1"},
		{Branch, "x/y/abc-1", "ABC-1", "ABC-1"},
		{Branch, "x-abc-1", "", "ABC-1"},
		{Branch, "fix_abc-1", "", "ABC-1"},
		{Branch, "feature/ABC-1_def-2", "ABC-1", "ABC-1 DEF-2"},
		{Branch, "feature/my_proj-3", "", "MY_PROJ-3"},
		{Branch, "dependabot/npm_and_yarn/lodash-4.17.21", "", ""},
		{Branch, "utf-8", "", ""},
		{Branch, `ABC-1"><svg/onload=alert(1)>`, "ABC-1", "ABC-1"},
		{Message, "feature/abc-1", "", "ABC-1"},
		{Message, "Merge branch 'abc-1-x' into main", "ABC-1", "ABC-1"},
		{Message, "Merge branch 'feature/abc-1' of h:p", "ABC-1", "ABC-1"},
		{Message, "Merge branch 'feature/x-abc-1'", "", "ABC-1"},
		{Message, "Merge branch 'main' into abc-1", "", "ABC-1"},
		{Message, "Merge branch 'main' into 'abc-1'", "", "ABC-1"},
		{Message, "Merge remote-tracking branch 'origin/abc-1'", "ABC-1", "ABC-1"},
		{Message, "x\nMerge branch 'abc-1'", "ABC-1", "ABC-1"},
		{Message, "No Merge branch 'abc-1'", "", "ABC-1"},
		{Message, "Merge branch abc-1", "", "ABC-1"},
		{Message, "'abc-1'", "", "ABC-1"},
		// Web addresses.
		{Message, "https://acme.atlassian.net/browse/ABC-9", "ABC-9", "ABC-9"},
		{Message, "HTTPS://Acme.Atlassian.Net/browse/ABC-9?x=1#DEF-2", "ABC-9 DEF-2", "ABC-9 DEF-2"},
		{Message, "http://acme.atlassian.net/browse/ABC-9", "ABC-9", "ABC-9"},
		{Message, "https://acme.atlassian.net.evil/browse/ABC-9", "", ""},
		{Message, "https://acme.atlassian.net@evil/browse/ABC-9", "", ""},
		{Message, "https://acme.atlassian.net:8443/browse/ABC-9", "", ""},
		{Message, "ssh://acme.atlassian.net/browse/ABC-9", "", ""},
		{Message, "https://other/?u=https://acme.atlassian.net/browse/ABC-9", "", ""},
		{Message, "https://other/browse/abc-9", "", ""},
		{Message, "https://other/ABC-9 DEF-2", "DEF-2", "DEF-2"},
		{Message, "DEF-2: https://other/ABC-9", "DEF-2", "DEF-2"},
		{Message, "(https://other/ABC-9)DEF-2", "DEF-2", "DEF-2"},
		{Message, "[x](https://other/(ABC-9)), DEF-2", "DEF-2", "DEF-2"},
		{Message, "<https://other/ABC-9>DEF-2", "DEF-2", "DEF-2"},
		{Message, "\"https://other/ABC-9\",ABC-1", "ABC-1", "ABC-1"},
		{Message, "https://other/ABC-9\nhttps://acme.atlassian.net/browse/ABC-1 https://o/DEF-3", "ABC-1", "ABC-1"},
		{Message, "ABC-1://x", "ABC-1", "ABC-1"},
		{Message, "://ABC-1", "ABC-1", "ABC-1"},
		{Message, "git@github.com:acme/ABC-1.git", "ABC-1", "ABC-1"},
	} {
		check(t, noSet, c.kind, c.text, c.none)
		check(t, withSet, c.kind, c.text, c.set)
	}
}

func TestBasePath(t *testing.T) {
	check(t, noSet, Message, "https://jira.internal/jira/browse/ABC-9", "ABC-9")
	check(t, noSet, Message, "https://jira.internal/other/ABC-9", "")
	check(t, noSet, Message, "https://jira.internal/jirafoo/ABC-9", "")
}

func TestDataCenter(t *testing.T) {
	check(t, noSetDC, Message, "X_MY_PROJ-1 ABCDEFGHIJK-1", "X_MY_PROJ-1 ABCDEFGHIJK-1")
	check(t, noSetDC, Message, "feature_ABC-1", "")
	check(t, noSetDC, Message, "1_ABC-1", "ABC-1")
	check(t, noSetDC, Branch, "x/my_proj-1", "MY_PROJ-1")
	check(t, noSetDC, Message, strings.Repeat("A", 21)+"-1", "")
}

func TestAliases(t *testing.T) {
	aliases := map[string]string{"OLD": "NEW", "older": "old", "R1": "R2", "R2": "R1"}
	set := New(Options{Projects: []string{"APP", "NEW"}, Aliases: aliases})
	check(t, set, Message, "OLD-7 new-7 older-8 APP-1 X-2", "NEW-7 NEW-8 APP-1")
	check(t, set, Message, "R1-1 R2-1", "R1-1")
	strict := New(Options{Aliases: aliases})
	check(t, strict, Message, "OLD-7 old-8 abc-1 ABC-2 OLD-7-8", "NEW-7 NEW-8 ABC-2")
}

func TestOnly(t *testing.T) {
	o := Options{Projects: []string{"APP", "OPS", "NEW"}, Aliases: map[string]string{"OLD": "NEW"}}
	for _, c := range []struct {
		only []string
		want string
	}{
		{nil, "APP-1 OPS-2 NEW-3 NEW-4"},
		{[]string{"app"}, "APP-1"},
		{[]string{"NEW"}, "NEW-3 NEW-4"},
		{[]string{"OLD"}, "NEW-3 NEW-4"},
		{[]string{"ZZZ"}, ""},
	} {
		o.Only = c.only
		check(t, New(o), Message, "APP-1 OPS-2 OLD-3 NEW-4 ZZZ-5", c.want)
	}
	check(t, New(Options{Only: []string{"ABC"}}), Message, "abc-1 DEF-2", "ABC-1")
}
