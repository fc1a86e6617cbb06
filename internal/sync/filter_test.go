package sync

import (
	"strings"
	"testing"

	"issuetrail/internal/model"
)

func TestGlobs(t *testing.T) {
	for _, c := range []struct{ glob, yes, no string }{
		{"main", "main", "Main mainx xmain x/main"},
		{"*", "main a.b", "a/b"},
		{"**", "main a/b a/b/c", ""},
		{"feature/*", "feature/x feature/", "feature/x/y feature xfeature/x"},
		{"feature/**", "feature/x feature/x/y", "feature"},
		{"**/wip", "wip a/wip a/b/wip", "awip wip/a"},
		{"a/**/b", "a/b a/x/b a/x/y/b", "ab a/xb"},
		{"a**b", "ab axb a/x/b", "abc"},
		{"release-?.[0-9]", "release-1.2", "release-10.2 release-1.x release-/.2"},
		{"[!a-c]x", "dx éx", "ax /x"},
		{"[^a]x", "bx", "ax"},
		{"a.b+(c)", "a.b+(c)", "aXb+(c)"},
		{`\*x`, "*x", "ax"},
		{"é*", "éa", "e"},
	} {
		f, err := NewFilter([]string{c.glob}, nil)
		if err != nil {
			t.Errorf("%s: %v", c.glob, err)
			continue
		}
		for name := range strings.FieldsSeq(c.yes) {
			if !f.Match(model.Ref{Name: model.HeadPrefix + name}) {
				t.Errorf("%s does not match %s", c.glob, name)
			}
		}
		for name := range strings.FieldsSeq(c.no) {
			if f.Match(model.Ref{Name: model.HeadPrefix + name}) {
				t.Errorf("%s matches %s", c.glob, name)
			}
		}
	}
	for _, bad := range []string{"", "[", "[]", "[!]", "[a/b]", "x[z-a]", `a\`} {
		if _, err := NewFilter(nil, []string{bad}); err == nil || !strings.Contains(err.Error(), "sync.refs.exclude") {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestFilter(t *testing.T) {
	f, err := NewFilter([]string{"main", "release/**"}, []string{"**/old"})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range f.Apply([]model.Ref{
		{Name: "refs/heads/dev"},
		{Name: "refs/heads/main"},
		{Name: "refs/heads/release/1"},
		{Name: "refs/heads/release/old"},
		{Name: "refs/tags/old"},
	}) {
		got = append(got, r.Name)
	}
	if want := "refs/heads/main refs/heads/release/1 refs/tags/old"; strings.Join(got, " ") != want {
		t.Errorf("followed: %v, want %s", got, want)
	}
	digest := [32]byte{1, 2, 3}
	if f.Mask(digest) == digest || f.Mask(f.Mask(digest)) != digest {
		t.Error("the mask cannot be taken off again")
	}
	turned, _ := NewFilter([]string{"release/**", "main"}, []string{"**/old"})
	swapped, _ := NewFilter([]string{"**/old"}, []string{"release/**", "main"})
	if turned.mask != f.mask || swapped.mask == f.mask {
		t.Error("the mask must depend on the globs and not on their order")
	}
	if all, _ := NewFilter(nil, nil); all.Mask(digest) != digest {
		t.Error("without globs the digest changes")
	}
}
