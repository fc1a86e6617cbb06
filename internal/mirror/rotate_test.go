package mirror

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// TestRotation changes keys, and what the server lets in, under 20 sessions at a time. At each moment
// one of the keys gets in, so no session may fail.
func TestRotation(t *testing.T) {
	fresh, old := twoKeys(t)
	_, third := testssh.NewKey(t)
	s := testssh.Start(t, testssh.Options{})
	const n = 20
	for i := range n {
		testssh.AddCommits(t, s.InitRepo(fmt.Sprintf("%d.git", i)), "main", 10+i, nil)
	}
	keys := &ring{set: []ssh.Signer{old}}
	o := options(s)
	o.Keys = keys
	p := newPool(t, o)
	for _, step := range []func(){
		func() {},
		func() { keys.change(fresh, old) }, // activated: no server has it yet
		func() { s.Authorize(old.PublicKey(), fresh.PublicKey()) },
		func() { s.Authorize(fresh.PublicKey()); p.sever() },
		func() { keys.change(old, fresh) }, // rolled back, too late
		func() { s.Authorize(old.PublicKey()); p.sever() },
		func() { keys.change(third, old) }, // the new one is dropped, and another made
		func() { s.Authorize(old.PublicKey(), third.PublicKey()) },
		func() { keys.change(third) }, // the old one is dropped
	} {
		var done atomic.Int64
		var wg sync.WaitGroup
		for i := range n {
			wg.Go(func() {
				for range 3 {
					if got := countCommits(t.Context(), t, p, s.URL(fmt.Sprintf("%d.git", i))); got != 10+i {
						t.Errorf("repository %d: %d commits", i, got)
					}
					if done.Add(1) == n { // the others are in the midst of theirs
						step()
					}
				}
			})
		}
		wg.Wait()
	}
	waitFor(t, "connections of dropped keys to go", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		for name := range p.shelves {
			if name.key != prints(third)[0] {
				return false
			}
		}
		return true
	})
}

// TestSessionEndsWithItsKey: sessions that have begun go on with the key they began with, though the
// keys change and the server lets in the new one alone.
func TestSessionEndsWithItsKey(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 500, nil)
	keys := &ring{set: []ssh.Signer{old}}
	o := options(s)
	o.Keys = keys
	p := newPool(t, o)
	opened, listed, fetching := open(t, p, s.URL("app.git")), open(t, p, s.URL("app.git")), open(t, p, s.URL("app.git"))
	list, err := listed.Refs(t.Context(), [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	wants := FetchRequest{Wants: []model.Hash{list.Refs[0].Tip}}
	n := 0
	_, err = fetching.Fetch(t.Context(), wants, func(model.RawCommit) error {
		if n++; n == 1 {
			keys.change(fresh)
			s.Authorize(fresh.PublicKey())
			listRefs(t, p, s.URL("app.git")) // the pool learns of it
		}
		return nil
	})
	if err != nil || n != 500 {
		t.Errorf("the fetch that ran: %d commits, %v", n, err)
	}
	if _, err := opened.Refs(t.Context(), [32]byte{}); err != nil {
		t.Errorf("the session that was open: %v", err)
	}
	n = 0
	if _, err := listed.Fetch(t.Context(), wants, func(model.RawCommit) error { n++; return nil }); err != nil || n != 500 {
		t.Errorf("the session that had listed: %d commits, %v", n, err)
	}
	for _, se := range []*Session{opened, listed, fetching} {
		if se.keys.cur.name != prints(old)[0] {
			t.Error("a session changed its key")
		}
		se.Close()
	}
	if got := s.Accepted(); len(got) != 2 || got[1] != prints(fresh)[0] {
		t.Errorf("logins %q", got)
	}
	waitFor(t, "the old key's connection to go", func() bool { return p.held() == 1 })
}

// TestLateDial: a session that took its key just before the keys changed may dial with it, and its
// connection is kept for nobody else.
func TestLateDial(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	s.Authorize(old.PublicKey(), fresh.PublicKey())
	keys := &ring{set: []ssh.Signer{old}}
	o := options(s)
	o.Keys = keys
	p := newPool(t, o)
	a := address(t, s.URL("app.git"))
	c, err := p.choose(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	keys.change(fresh)
	listRefs(t, p, s.URL("app.git"))
	late, err := p.open(t.Context(), a, c)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.Refs(t.Context(), [32]byte{}); err != nil || late.keys.cur.name != prints(old)[0] {
		t.Error(err)
	}
	late.Close()
	waitFor(t, "its connection to go", func() bool { return p.held() == 1 })
}
