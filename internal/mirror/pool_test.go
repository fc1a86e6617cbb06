package mirror

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// held counts the connections on the shelves.
func (p *Pool) held() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sh := range p.shelves {
		n += len(sh.conns)
	}
	return n
}

// slots counts the channels.
func (p *Pool) slots() (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sh := range p.shelves {
		for _, c := range sh.conns {
			n += c.slots
		}
	}
	return n
}

func TestConnectionIsHeld(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
	p := newPool(t, options(s))
	url := s.URL("app.git")
	for range 20 {
		listRefs(t, p, url)
		fetchHistory(t, p, url, nil, nil)
	}
	if n := dials(s); n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	waitFor(t, "the channels to be given back", func() bool { return p.slots() == 0 })

	s.Restart()
	listRefs(t, p, url) // the held connection is dead
	if n := dials(s); n != 2 {
		t.Errorf("%d logins after a restart, want 2", n)
	}
}

// dials counts the logins that sshd noted.
func dials(s *testssh.Server) (n int) {
	const mark = "Accepted publickey"
	for log := s.Log(); ; n++ {
		_, rest, ok := strings.Cut(log, mark)
		if !ok {
			return n
		}
		log = rest
	}
}

// TestOneSessionServer: a held connection that ends just when it is taken costs one dial more.
func TestOneSessionServer(t *testing.T) {
	h := testssh.StartHost(t, testssh.HostOptions{OneSession: true})
	dir := h.InitRepo("app.git")
	p := newPool(t, hostOptions(h))
	for range 3 {
		old := listRefs(t, p, h.URL("app.git")).Digest
		tip := testssh.AddCommits(t, dir, "main", 2, nil)
		if listRefs(t, p, h.URL("app.git")).Digest == old {
			t.Error("the list is old")
		}
		fetchHistory(t, p, h.URL("app.git"), []model.Hash{id(t, tip)}, nil)
	}
}

// TestIdentity changes what a connection stands for: the next session dials.
func TestIdentity(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	o := options(s)
	known, ours := o.HostKeys.(*trust), o.Keys.(*keys)
	p := newPool(t, o)
	listRefs(t, p, s.URL("app.git"))

	known.generation.Add(1)
	listRefs(t, p, s.URL("app.git"))
	if n := dials(s); n != 2 {
		t.Errorf("%d logins after the known hosts changed, want 2", n)
	}
	waitFor(t, "the old connection to go", func() bool { return p.held() == 1 })

	_, ours.signer = testssh.NewKey(t)
	wantCode(t, try(t, p, s.URL("app.git")), model.CodeAuthFailed)
	if _, err := p.Test(t.Context(), address(t, s.URL("app.git"))); err == nil {
		t.Error("a test used the old key")
	}
	waitFor(t, "the old connection to go", func() bool { return p.held() == 0 })
}

func TestMaxAge(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	o := options(s)
	o.Timeouts.MaxAge, o.Timeouts.KeepAlive = 300*time.Millisecond, 20*time.Millisecond
	p := newPool(t, o)
	se := open(t, p, s.URL("app.git"))
	waitFor(t, "the connection to be given up", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return se.talk.(*process).conn.condemned
	})
	if _, err := se.Refs(t.Context(), [32]byte{}); err != nil {
		t.Errorf("a running session suffers: %v", err)
	}
	se.Close()
	waitFor(t, "the connection to go", func() bool { return p.held() == 0 })
}

// TestManySessions has more sessions at once than a connection carries.
func TestManySessions(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	p := newPool(t, options(s))
	const n = 20
	for i := range n {
		testssh.AddCommits(t, s.InitRepo(fmt.Sprintf("%d.git", i)), "main", 10+i, nil)
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			for range 3 {
				if got := countCommits(t.Context(), t, p, s.URL(fmt.Sprintf("%d.git", i))); got != 10+i {
					t.Errorf("repository %d: %d commits", i, got)
				}
			}
		})
	}
	wg.Wait()
	if d := dials(s); d > n/2 {
		t.Errorf("%d logins for %d sessions at once", d, n)
	}
}

// countCommits syncs without ending the test, for it runs beside others.
func countCommits(ctx context.Context, t *testing.T, p *Pool, url string) (n int) {
	se, err := p.Open(ctx, address(t, url))
	if err != nil {
		t.Error(err)
		return -1
	}
	defer se.Close()
	list, err := se.Refs(ctx, [32]byte{})
	if err != nil || len(list.Refs) != 1 {
		t.Error(len(list.Refs), err)
		return -1
	}
	r := FetchRequest{Wants: []model.Hash{list.Refs[0].Tip}}
	if _, err := se.Fetch(ctx, r, func(model.RawCommit) error { n++; return nil }); err != nil {
		t.Error(err)
	}
	return n
}

func TestClosedPool(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
	p := NewPool(options(s))
	se := open(t, p, s.URL("app.git"))
	p.Close()
	if _, err := se.Refs(t.Context(), [32]byte{}); err == nil {
		t.Error("a session outlives its pool")
	}
	if _, err := p.Open(t.Context(), address(t, s.URL("app.git"))); err == nil {
		t.Error("a closed pool opens a session")
	}
	if _, err := p.Test(t.Context(), address(t, s.URL("app.git"))); err == nil {
		t.Error("a closed pool tests a connection")
	}
}
