package mirror

import (
	"fmt"
	"path"
	"slices"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// A key before that no server knows any more was refused at each sync of a repository that is gone, or that
// the active key does not get to: some dozens of times an hour, and servers lock out the address for it.
func TestRefusedStandInIsSpared(t *testing.T) {
	fresh, old := twoKeys(t)
	_, third := testssh.NewKey(t)
	for name, c := range map[string]struct {
		lets []ssh.Signer
		code string
	}{
		"a repository that is gone": {[]ssh.Signer{fresh}, model.CodeNotFound},
		"no key gets in":            {[]ssh.Signer{third}, model.CodeAuthFailed},
	} {
		t.Run(name, func(t *testing.T) {
			s := testssh.Start(t, testssh.Options{})
			testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
			s.Authorize(publicKeys(c.lets...)...)
			o := options(s)
			r := &ring{set: []ssh.Signer{fresh, old}}
			o.Keys = r
			p := newPool(t, o)
			clock := time.Now()
			p.now = func() time.Time { return clock }
			refused := func() (n int) {
				for _, k := range s.Refused() {
					if k == prints(old)[0] {
						n++
					}
				}
				return n
			}
			for hour := range 60 {
				clock = clock.Add(time.Minute)
				wantCode(t, try(t, p, s.URL("gone.git")), c.code)
				if hour == 0 && refused() != 1 {
					t.Fatalf("the key before was not tried: %s", s.Log())
				}
			}
			if n := refused(); n > 6 {
				t.Errorf("the key before was refused %d times in an hour", n)
			}
			// Other keys are another matter, and so is one that has worked.
			r.change(old, fresh)
			s.Authorize(old.PublicKey())
			if err := try(t, p, s.URL("app.git")); err != nil {
				t.Error(err)
			}
			r.change(third, old)
			for range 3 {
				if err := try(t, p, s.URL("app.git")); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A key that works in the place of the first one is tried at each sync, also after a refusal.
func TestStandInThatWorksIsNotSpared(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
	s.Authorize(old.PublicKey())
	o := options(s)
	o.Keys = &ring{set: []ssh.Signer{fresh, old}}
	p := newPool(t, o)
	if err := try(t, p, s.URL("app.git")); err != nil {
		t.Fatal(err)
	}
	s.Authorize()
	dropConns(p)
	wantCode(t, try(t, p, s.URL("app.git")), model.CodeAuthFailed)
	s.Authorize(old.PublicKey())
	if err := try(t, p, s.URL("app.git")); err != nil {
		t.Errorf("the key is let in again, and was not tried: %v", err)
	}
}

// A key that stands in for the active one hid for ever that the active one is refused: nothing told of it.
func TestStandInIsTold(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	for _, name := range []string{"a.git", "b.git"} {
		testssh.AddCommits(t, s.InitRepo(name), "main", 3, nil)
	}
	o := options(s)
	o.Keys = &ring{set: []ssh.Signer{fresh, old}}
	var told []string
	o.StandIn = func(i StandIn) {
		told = append(told, fmt.Sprintf("%s all=%t over=%t %s", path.Base(i.To.Path), i.All, i.Over, i.Key))
	}
	p := newPool(t, o)
	clock := time.Now()
	p.now = func() time.Time { return clock }
	want := func(what string, lines ...string) {
		t.Helper()
		if !slices.Equal(told, lines) {
			t.Errorf("%s: told %q, want %q", what, told, lines)
		}
		told = nil
	}
	list := func(times int, names ...string) {
		t.Helper()
		for range times {
			for _, name := range names {
				if err := try(t, p, s.URL(name)); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	s.Authorize(old.PublicKey())
	list(3, "a.git", "b.git")
	want("refused", "a.git all=true over=false "+prints(old)[0])
	clock = clock.Add(2 * recallFor)
	list(2, "b.git")
	want("an hour later", "b.git all=true over=false "+prints(old)[0])
	s.Authorize(fresh.PublicKey(), old.PublicKey())
	clock = clock.Add(2 * recallFor)
	list(2, "a.git")
	want("let in", "a.git all=true over=true "+prints(fresh)[0])

	s.AuthorizeOnly(map[ssh.PublicKey][]string{fresh.PublicKey(): {"a.git"}, old.PublicKey(): {"b.git"}})
	dropConns(p)
	list(3, "a.git", "b.git")
	want("not found", "b.git all=false over=false "+prints(old)[0])
}

// dropConns lets the next session dial.
func dropConns(p *Pool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sh := range p.shelves {
		for _, c := range sh.conns {
			c.condemn()
		}
	}
}
