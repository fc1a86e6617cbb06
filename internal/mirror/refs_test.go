package mirror

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

func TestRefs(t *testing.T) {
	forEachKind(t, func(t *testing.T, s *testssh.Server, p *Pool, _ bool) {
		dir, url := s.InitRepo("dir/app.git"), s.URL("dir/app.git")
		empty := listRefs(t, p, url)
		if empty.Refs == nil || len(empty.Refs) != 0 || empty.Digest == [32]byte{} {
			t.Fatalf("empty repository: %+v", empty)
		}
		tip := testssh.AddCommits(t, dir, "main", 3, nil)
		odd := []string{"APP-1/ü", "a@b", "x'y", `q"<svg/onload=alert(1)>`, "{}", "bytes-\xff-\xfe"}
		for _, name := range odd {
			testssh.Git(t, dir, "update-ref", "refs/heads/"+name, "main")
		}
		testssh.Git(t, dir, "update-ref", "refs/pull/1/head", "main~1")
		testssh.Git(t, dir, "tag", "-a", "-m", "one", "v1", "main~1")
		full := listRefs(t, p, url)
		if full.Default != "refs/heads/main" {
			t.Errorf("default branch %q", full.Default)
		}
		want := []string{"refs/heads/main", "refs/tags/v1"}
		for _, name := range odd {
			want = append(want, "refs/heads/"+strings.NewReplacer("\xff", `\xff`, "\xfe", `\xfe`).Replace(name))
		}
		slices.Sort(want)
		if got := names(full.Refs); !slices.Equal(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		for _, r := range full.Refs {
			if r.Name == "refs/tags/v1" && (r.Peeled != id(t, testssh.Git(t, dir, "rev-parse", "v1^{}")) || r.Tip == r.Peeled) {
				t.Errorf("tag %+v", r)
			} else if r.Name == "refs/heads/main" && (r.Tip != id(t, tip) || !r.Peeled.IsZero()) {
				t.Errorf("branch %+v", r)
			}
		}
		checkDigest(t, p, dir, url, full)
	})
}

// checkDigest changes the refs and looks at the digest.
func checkDigest(t *testing.T, p *Pool, dir, url string, full model.RefList) {
	t.Helper()
	se := open(t, p, url)
	defer se.Close()
	again, err := se.Refs(t.Context(), full.Digest)
	if err != nil || again.Refs != nil || again.Digest != full.Digest {
		t.Errorf("unchanged: %v, %d refs", err, len(again.Refs))
	}
	testssh.Git(t, dir, "update-ref", "refs/pull/2/head", "main")
	if listRefs(t, p, url).Digest != full.Digest {
		t.Error("a ref that is not followed changes the digest")
	}
	seen := map[[32]byte]bool{full.Digest: true}
	for _, change := range [][]string{
		{"update-ref", "-d", "refs/heads/a@b"},
		{"update-ref", "refs/heads/a", "main"},
		{"update-ref", "-d", "refs/heads/APP-1/ü"},
		{"update-ref", "refs/heads/APP-1", "main"},
		{"symbolic-ref", "HEAD", "refs/heads/APP-1"},
	} {
		testssh.Git(t, dir, change...)
		list := listRefs(t, p, url)
		if seen[list.Digest] {
			t.Errorf("%v does not change the digest", change)
		}
		seen[list.Digest] = true
	}
	if got := listRefs(t, p, url).Default; got != "refs/heads/APP-1" {
		t.Errorf("default branch %q", got)
	}
	for _, r := range listRefs(t, p, url).Refs {
		if r.Name != "refs/heads/bytes-\\xff-\\xfe" {
			testssh.Git(t, dir, "update-ref", "-d", r.Name)
		}
	}
	testssh.Git(t, dir, "update-ref", "-d", "refs/heads/bytes-\xff-\xfe")
	if left := listRefs(t, p, url); len(left.Refs) != 0 {
		t.Errorf("emptied repository: %v", left.Refs)
	}
	testssh.AddCommits(t, dir, "new", 1, nil)
	if h := fetchHistory(t, p, url, nil, nil); len(h.commits) != 1 {
		t.Errorf("filled again: %d commits", len(h.commits))
	}
}

func TestRefsLimit(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	dir := s.InitRepo("app.git")
	testssh.AddCommits(t, dir, "main", 1, nil)
	for _, name := range []string{"a", "b", "c", strings.Repeat("n", 100)} {
		testssh.Git(t, dir, "branch", name, "main")
	}
	o := options(s)
	o.Limits.RefName = 50
	if got := len(listRefs(t, newPool(t, o), s.URL("app.git")).Refs); got != 4 {
		t.Errorf("%d refs, want the 4 with short names", got)
	}
	o.Limits.Refs = 2
	_, err := open(t, newPool(t, o), s.URL("app.git")).Refs(t.Context(), [32]byte{})
	wantCode(t, err, model.CodeLimitExceeded, "2 branches")
}

func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"refs/heads/main": true, "refs/heads/a/b.c": true, "refs/tags/v1@2": true, "refs/heads/-x": true,
		"refs/heads/": false, "refs/heads//a": false, "refs/heads/a//b": false, "refs/heads/.a": false, "refs/heads/a/.b": false,
		"refs/heads/a..b": false, "refs/heads/a.lock": false, "refs/heads/a.lock/b": false, "refs/heads/a@{b": false,
		"refs/heads/a b": false, "refs/heads/a\x1b": false, "refs/heads/a~1": false, "refs/heads/a/": false, "refs/heads/a.": false,
		`refs/heads/a\b`: false, "refs/heads/a[b": false, "refs/pull/1": false, "HEAD": false,
	} {
		if got := validName([]byte(name)); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func FuzzRefList(f *testing.F) {
	f.Add([]byte("003d0000000000000000000000000000000000000001 refs/heads/main\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		w := newWire(bytes.NewReader(b))
		l := listing{limit: 10}
		for {
			kind, raw, err := w.raw()
			if err != nil || kind != data || l.add(raw) != nil {
				break
			}
		}
		for _, list := range []model.RefList{parseListed(l.b, 100), parseAdvertised(l.b, 100)} {
			if !slices.IsSorted(names(list.Refs)) {
				t.Errorf("not sorted: %q", names(list.Refs))
			}
		}
	})
}
