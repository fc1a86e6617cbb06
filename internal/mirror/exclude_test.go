package mirror

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// foreignRefs are what hosts keep beside heads and tags.
var foreignRefs = []string{
	"refs/pull/7/head", "refs/pull/7/merge", "refs/merge-requests/3/head", "refs/keep-around/abc", "refs/environments/prod/1",
	"refs/pipelines/5", "refs/pull-requests/9/from", "refs/changes/34/1234/2", "refs/changes/34/1234/meta", "refs/meta/config",
	"refs/users/01/1000001", "refs/groups/ab/cd", "refs/notes/review", "refs/cache-automerge/ab/cd", "refs/draft-comments/1/2",
	"refs/starred-changes/1/2", "refs/tickets/01/1", "refs/gitblit/reflog", "refs/notes/commits", "refs/replace/abc", "refs/stash",
	"refs/remotes/origin/main", "refs/headsup/main", "refs/tagsandmore/v1", "refs/for/main",
}

// TestForeignRefs: nothing but heads and tags is listed, nor fetched, whatever a server has.
func TestForeignRefs(t *testing.T) {
	forEachKind(t, func(t *testing.T, s *testssh.Server, p *Pool, _ bool) {
		dir, url := s.InitRepo("app.git"), s.URL("app.git")
		testssh.AddCommits(t, dir, "main", 3, nil)
		testssh.Git(t, dir, "tag", "v1", "main~1")
		before := listRefs(t, p, url)
		for _, name := range foreignRefs {
			testssh.AddCommits(t, dir, name, 1, func(int) string { return "APP-666 " + name })
		}
		list := listRefs(t, p, url)
		if want := []string{"refs/heads/main", "refs/tags/v1"}; !slices.Equal(names(list.Refs), want) || list.Digest != before.Digest {
			t.Errorf("listed %q", names(list.Refs))
		}
		h := fetchHistory(t, p, url, nil, nil)
		checkHistory(t, dir, h, "--branches", "--tags")
		for c, raw := range h.commits {
			if strings.Contains(raw, "APP-666") {
				t.Errorf("commit %s of a foreign ref came", c)
			}
		}
	})
}

// TestManyForeignRefs has a real git list 200,000 changes of Gerrit in version 0, as one of old does to
// an administrator, and none of them is kept.
func TestManyForeignRefs(t *testing.T) {
	const n = 200_000
	s := testssh.Start(t, testssh.Options{NoProtocolV2: true})
	dir := s.InitRepo("app.git")
	tip := testssh.AddCommits(t, dir, "main", 1, nil)
	packed := bytes.NewBufferString("# pack-refs with: peeled fully-peeled sorted \n")
	for i := range n {
		fmt.Fprintf(packed, "%s refs/changes/%06d/1\n", tip, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "packed-refs"), packed.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	packed = nil
	p := newPool(t, options(s))
	se := open(t, p, s.URL("app.git"))
	before := liveHeap()
	list, err := se.Refs(t.Context(), [32]byte{})
	if err != nil || len(list.Refs) != 1 {
		t.Fatal(len(list.Refs), err)
	}
	if grown := liveHeap() - before; grown > 1<<20 {
		t.Errorf("%d bytes are kept of a list of %d bytes", grown, n*70)
	}
	runtime.KeepAlive(se)
	if h := fetchHistory(t, p, s.URL("app.git"), nil, nil); len(h.commits) != 1 {
		t.Errorf("%d commits", len(h.commits))
	}
}

func liveHeap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// repeated writes a first line and then n lines of foreign refs, without holding them.
type repeated struct {
	n    int
	line []byte
	left []byte
}

func (e *repeated) Read(b []byte) (int, error) {
	if len(e.left) == 0 {
		switch {
		case e.n > 0:
			e.left = e.line
		case e.n == 0:
			e.left = []byte("0000")
		default:
			return 0, io.EOF
		}
		e.n--
	}
	n := copy(b, e.left)
	e.left = e.left[n:]
	return n, nil
}

// TestForeignRefsTakeNoMemory counts what reading two million such lines allocates at all.
func TestForeignRefsTakeNoMemory(t *testing.T) {
	tip := strings.Repeat("a", 40)
	line := tip + " refs/changes/34/1234/meta\n"
	e := &repeated{n: 2_000_000, line: fmt.Appendf(nil, "%04x%s", len(line)+4, line)}
	p := NewPool(Options{})
	defer p.Close()
	s := &Session{pool: p, wire: newWire(e)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if err := s.readAdvertised([]byte(tip + " HEAD\x00multi_ack symref=HEAD:refs/heads/main\n")); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
		t.Errorf("%d bytes were allocated", got)
	}
	if list := parseAdvertised(s.list, 100); len(list.Refs) != 0 || list.Default != model.HeadPrefix+"main" {
		t.Errorf("%+v", list)
	}
}
