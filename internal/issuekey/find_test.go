package issuekey

import (
	"fmt"
	"strings"
	"testing"
)

func TestLimit(t *testing.T) {
	var b strings.Builder
	for i := range Limit + 20 {
		fmt.Fprintf(&b, "ABC-%d ABC-%d ", i+1, i+1)
	}
	keys := noSet.FindString(b.String(), Message)
	if len(keys) != Limit || keys[0] != "ABC-1" || keys[Limit-1] != "ABC-500" {
		t.Fatalf("%d keys, the last is %s", len(keys), keys[len(keys)-1])
	}
	last := noSet.Explain([]byte(b.String()), Message)
	if c := last[len(last)-1]; c.Taken || !strings.Contains(c.Reason, "more than 500") {
		t.Fatalf("the last candidate is %+v", c)
	}
}

func TestExplainReasons(t *testing.T) {
	for _, c := range []struct {
		rules *Rules
		kind  Kind
		text  string
		want  string // part of the reason
	}{
		{withSet, Message, "abc-1", "ABC is a known project"},
		{withSet, Message, "GHI-1", "GHI is not in the list"},
		{withSet, Message, "ABC-1x", "right after"},
		{withSet, Message, "1ABC-1", "right before"},
		{withSet, Message, "ABC-01", "leading zero"},
		{withSet, Message, "ABC-9999999999", "at most 2147483647"},
		{withSet, Message, "https://o/ABC-1", "web address"},
		{New(Options{Aliases: map[string]string{"OLD": "NEW"}}), Message, "OLD-1", "OLD is now called NEW"},
		{noSet, Message, "GHI-1", "form of an issue key"},
		{noSet, Message, "UTF-8", "UTF is taken for the name of a standard"},
		{noSet, Message, "ghi-1", "lower case"},
		{noSet, Branch, "ghi-1", "segment"},
		{noSet, Branch, "ghi-1.2", "version"},
		{noSet, Message, "Q-1", "at least 2"},
		{noSet, Message, "ABCDEFGHIJK-1", "at most 10"},
		{noSet, Message, "ABC_1-1", "underscore"},
		{noSet, Message, "ABC-1-2", "another number"},
	} {
		got := c.rules.Explain([]byte(c.text), c.kind)
		if len(got) != 1 || !strings.Contains(got[0].Reason, c.want) || (got[0].Key != "") != got[0].Taken {
			t.Errorf("Explain(%q) = %+v, want one with %q", c.text, got, c.want)
		}
	}
	twice := noSet.Explain([]byte("ABC-1 ABC-1 2021-12-24"), Message)
	if len(twice) != 2 || !twice[1].Taken || !strings.Contains(twice[1].Reason, "named before") {
		t.Errorf("a key named twice: %+v", twice)
	}
}

func TestFingerprint(t *testing.T) {
	base := Options{Projects: []string{"A1", "B1"}, Aliases: map[string]string{"X1": "A1"}, JiraBase: []string{"https://a", "https://b"}}
	same := Options{Projects: []string{"b1", "A1", "A1"}, Aliases: map[string]string{"x1": "a1"}, JiraBase: []string{"https://b/", "HTTPS://A"}, DataCenter: true}
	if New(base).Fingerprint() != New(same).Fingerprint() {
		t.Error("the same rules in other words have another fingerprint")
	}
	seen := map[string]string{New(base).Fingerprint(): "base"}
	for name, o := range map[string]Options{
		"none":       {},
		"datacenter": {DataCenter: true},
		"length":     {MaxKeyLen: 20},
		"alias":      {Aliases: base.Aliases},
		"site":       {JiraBase: base.JiraBase},
		"narrowed":   {Projects: base.Projects, Aliases: base.Aliases, JiraBase: base.JiraBase, Only: []string{"A1"}},
		"empty":      {Projects: base.Projects, Only: []string{"ZZ"}},
	} {
		f := New(o).Fingerprint()
		if other, ok := seen[f]; ok {
			t.Errorf("%s and %s share a fingerprint", name, other)
		}
		seen[f] = name
	}
}

// prose is text with dashes as people write it, and without keys.
var prose = []byte(strings.Repeat(`Make the read-only mode of the look-up cache well-behaved.

The previous change made the fast path skip the re-check of stale entries, so a
long-running client could see a value that was written before the fail-over. This
brings the check back for the entries that were loaded since the last snapshot,
and adds a test - one that fails without the fix - for the case of two nodes.

Signed-off-by: A. U. Thor <author@example.com>
Date: 2021-12-24, see https://example.org/list/2021-12/msg-00042.html
`, 200))

func TestNoAllocation(t *testing.T) {
	for _, r := range []*Rules{noSet, withSet} {
		if n := testing.AllocsPerRun(10, func() { r.Find(prose, Message) }); n != 0 {
			t.Errorf("%v allocations in a text without keys", n)
		}
	}
}

func BenchmarkFindNothing(b *testing.B) {
	b.SetBytes(int64(len(prose)))
	b.ReportAllocs()
	for b.Loop() {
		if keys := noSet.Find(prose, Message); keys != nil {
			b.Fatal(keys)
		}
	}
}

func BenchmarkFindKey(b *testing.B) {
	text := append([]byte("ABC-123 fix\n\n"), prose[:500]...)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		withSet.Find(text, Message)
	}
}
