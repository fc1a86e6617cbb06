package mirror

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// A ring is a Keys whose set can change.
type ring struct {
	mu    sync.Mutex
	set   []ssh.Signer
	asked int
	upon  func(asked int) // called in Signers, before it answers; may be nil
}

func (r *ring) Signers(context.Context) ([]ssh.Signer, error) {
	r.mu.Lock()
	r.asked++
	asked := r.asked
	r.mu.Unlock()
	if r.upon != nil {
		r.upon(asked)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.set, nil
}

func (r *ring) change(set ...ssh.Signer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set = set
}

// twoKeys are a new key, which is to be used first, and the old one, which every server lets in.
func twoKeys(t *testing.T) (fresh, old ssh.Signer) {
	t.Helper()
	_, fresh = testssh.NewKey(t)
	_, old = testssh.ClientKey(t)
	return fresh, old
}

func prints(keys ...ssh.Signer) (out []string) {
	for _, k := range keys {
		out = append(out, ssh.FingerprintSHA256(k.PublicKey()))
	}
	return out
}

// TestAuthorized has servers that let in the old key, the new one, both and none.
func TestAuthorized(t *testing.T) {
	fresh, old := twoKeys(t)
	for name, c := range map[string]struct {
		lets   []ssh.Signer
		with   ssh.Signer // the key that shall get in; nil = none
		logins []ssh.Signer
	}{
		"only the old key": {[]ssh.Signer{old}, old, []ssh.Signer{old}},
		"only the new key": {[]ssh.Signer{fresh}, fresh, []ssh.Signer{fresh}},
		"both":             {[]ssh.Signer{old, fresh}, fresh, []ssh.Signer{fresh}},
		"none":             {},
	} {
		t.Run(name, func(t *testing.T) {
			s := testssh.Start(t, testssh.Options{})
			testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
			s.Authorize(publicKeys(c.lets...)...)
			o := options(s)
			o.Keys = &ring{set: []ssh.Signer{fresh, old}}
			p := newPool(t, o)
			for range 5 {
				err := try(t, p, s.URL("app.git"))
				if c.with == nil {
					wantCode(t, err, model.CodeAuthFailed, prints(fresh)[0]) // the first key's error
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if got := s.Accepted(); !slices.Equal(got, prints(c.logins...)) {
				t.Errorf("logins %q", got)
			}
			// A refused login is not repeated, as long as another key works.
			refused := strings.Count(strings.Join(s.Refused(), " "), prints(fresh)[0])
			if want := map[string]int{"only the old key": 1, "none": 5}[name]; refused != want {
				t.Errorf("the new key was refused %d times, want %d:\n%s", refused, want, s.Log())
			}
			r, err := p.Test(t.Context(), address(t, s.URL("app.git")))
			if c.with == nil {
				wantCode(t, err, model.CodeAuthFailed, prints(fresh)[0])
			} else if err != nil || r.Key != prints(c.with)[0] {
				t.Errorf("test: %+v, %v", r, err)
			}
		})
	}
}

func publicKeys(keys ...ssh.Signer) (out []ssh.PublicKey) {
	for _, k := range keys {
		out = append(out, k.PublicKey())
	}
	return out
}

// TestAccounts has keys that are of two accounts: each sees repositories that the other does not.
func TestAccounts(t *testing.T) {
	for _, o := range []testssh.Options{{}, {NoProtocolV2: true}} {
		fresh, old := twoKeys(t)
		s := testssh.Start(t, o)
		for _, name := range []string{"a.git", "b.git", "both.git"} {
			testssh.AddCommits(t, s.InitRepo(name), "main", 3, nil)
		}
		s.AuthorizeOnly(map[ssh.PublicKey][]string{
			fresh.PublicKey(): {"a.git", "both.git"},
			old.PublicKey():   {"b.git", "both.git"},
		})
		po := options(s)
		po.Keys = &ring{set: []ssh.Signer{fresh, old}}
		p := newPool(t, po)
		for range 3 {
			for name, with := range map[string]ssh.Signer{"a.git": fresh, "b.git": old, "both.git": fresh} {
				se := open(t, p, s.URL(name))
				list, err := se.Refs(t.Context(), [32]byte{})
				if err != nil || len(list.Refs) != 1 {
					t.Fatalf("%s: %v", name, err)
				}
				if got := se.keys.cur.name; got != prints(with)[0] {
					t.Errorf("%s was listed with %s", name, got)
				}
				n := 0
				if _, err := se.Fetch(t.Context(), FetchRequest{Wants: []model.Hash{list.Refs[0].Tip}}, func(model.RawCommit) error { n++; return nil }); err != nil || n != 3 {
					t.Errorf("%s: %d commits, %v", name, n, err)
				}
				se.Close()
			}
			wantCode(t, try(t, p, s.URL("none.git")), model.CodeNotFound, "Repository not found")
		}
		if got := s.Accepted(); len(got) != 2 { // both connections are held
			t.Errorf("%d logins: %q", len(got), got)
		}
		if len(p.memory.known) != 1 { // of b.git alone, and of no account
			t.Errorf("remembered: %v", p.memory.known)
		}
	}
}

// TestMemory: what is remembered ends after an hour, with the set of keys and with the known hosts.
func TestMemory(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	s.Authorize(old.PublicKey())
	keys, known := &ring{set: []ssh.Signer{fresh, old}}, &trust{keys: s.HostKeys}
	o := options(s)
	o.Keys, o.HostKeys = keys, known
	p := newPool(t, o)
	now := time.Now()
	p.now = func() time.Time { return now }
	refusals := 0
	for _, step := range []struct {
		name  string
		then  func()
		again int // refused logins more
	}{
		{"first", func() {}, 1},
		{"at once", func() {}, 0},
		{"after 59 minutes", func() { now = now.Add(59 * time.Minute) }, 0},
		{"after an hour", func() { now = now.Add(2 * time.Minute) }, 1},
		{"known hosts changed", func() { known.generation.Add(1) }, 1},
		{"the keys changed places", func() { keys.change(old, fresh) }, 0},
		{"and back", func() { keys.change(fresh, old) }, 1},
		{"the new one is let in", func() { s.Authorize(fresh.PublicKey(), old.PublicKey()) }, 0},
		{"the old one no longer", func() { s.Authorize(fresh.PublicKey()); p.sever() }, 0},
	} {
		step.then()
		if err := try(t, p, s.URL("app.git")); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		refusals += step.again
		if got := strings.Count(strings.Join(s.Refused(), " "), prints(fresh)[0]); got != refusals {
			t.Errorf("%s: %d refusals of the new key, want %d", step.name, got, refusals)
		}
	}
	if len(p.memory.known) != 0 {
		t.Errorf("the first key works and is remembered: %v", p.memory.known)
	}
}

// sever ends the held connections.
func (p *Pool) sever() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, sh := range p.shelves {
		for _, c := range sh.conns {
			c.condemn()
		}
	}
}

func TestMemoryIsBounded(t *testing.T) {
	_, old := twoKeys(t)
	p := newPool(t, Options{HostKeys: &trust{}})
	now := time.Now()
	p.now = func() time.Time { return now }
	mark, _ := p.recalled([]key{{old, "x"}}, account{}, "")
	for i := range maxRecalled + 500 {
		p.recall(mark, place{account{"git", "h:22"}, strings.Repeat("x", i%7) + string(rune(0x1000+i))}, "x")
		now = now.Add(time.Millisecond)
	}
	if n := len(p.memory.known); n > maxRecalled || n < maxRecalled-1 {
		t.Errorf("%d places are remembered", n)
	}
	p.recall("another mark", place{path: "late"}, "x")
	if _, ok := p.memory.known[place{path: "late"}]; ok {
		t.Error("a key of an older set is remembered")
	}
}

// TestNoSecondTry: what has nothing to do with the key is not tried with another.
func TestNoSecondTry(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{HostKeyTypes: []string{"rsa"}})
	s.InitRepo("app.git")
	silent, deaf := newFake(t, atAuth), testssh.StartHost(t, testssh.HostOptions{Old: true})
	defer silent.close()
	for name, c := range map[string]struct {
		o    Options
		url  string
		code string
	}{
		"host key unknown": {func() Options { o := options(s); o.HostKeys = &trust{}; return o }(), s.URL("app.git"), model.CodeHostKeyUnknown},
		"host key changed": {func() Options { o := options(s); o.HostKeys = &trust{keys: publicKeys(fresh)}; return o }(), s.URL("app.git"), model.CodeHostKeyChanged},
		"timeout":          {silent.options(), "ssh://git@" + silent.Addr().String() + "/app.git", model.CodeTimeout},
		"unreachable":      {options(s), "ssh://git@127.0.0.1:1/app.git", model.CodeUnreachable},
		"SHA-1 alone":      {hostOptions(deaf), deaf.URL("app.git"), model.CodeAuthFailed},
	} {
		keys := &ring{set: []ssh.Signer{fresh, old}}
		c.o.Keys = keys
		p := newPool(t, c.o)
		tries := 0
		p.o.AllowSHA1 = func(string) bool { tries++; return false } // asked for once in each dial, or twice
		wantCode(t, try(t, p, c.url), c.code)
		if keys.asked != 1 || tries > 2 {
			t.Errorf("%s: keys asked for %d times, %d looks at the server", name, keys.asked, tries)
		}
	}
	if len(s.Accepted())+len(s.Refused()) != 0 {
		t.Errorf("a login was tried:\n%s", s.Log())
	}
}

// TestKeysChangeWhileRefused: a session that asked for the keys just before they changed tries those
// that came then.
func TestKeysChangeWhileRefused(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	s.Authorize(fresh.PublicKey())
	keys := &ring{set: []ssh.Signer{old}}
	keys.upon = func(asked int) {
		if asked == 2 {
			keys.change(fresh, old)
		}
	}
	o := options(s)
	o.Keys = keys
	if err := try(t, newPool(t, o), s.URL("app.git")); err != nil {
		t.Error(err)
	}
}

// TestStreamKeys: a stream has the first key that gets in.
func TestStreamKeys(t *testing.T) {
	fresh, old := twoKeys(t)
	s := eventServer(t, "echo one\nread x\n")
	o := options(s)
	o.Keys = &ring{set: []ssh.Signer{fresh, old}}
	p := newPool(t, o)
	enough := errors.New("enough")
	for range 3 {
		err := p.Stream(t.Context(), address(t, s.URL("x")), streamCommand, func(line []byte) error {
			if line == nil {
				return nil
			}
			return enough
		})
		if err != enough {
			t.Fatal(err)
		}
	}
	if got := s.Accepted(); !slices.Equal(got, prints(old, old, old)) || len(s.Refused()) != 1 {
		t.Errorf("logins %q, refused %q", got, s.Refused())
	}
}

// TestHeldConnectionDied: a connection that ended unseen is not taken for a refusal, and its key,
// where it is refused meanwhile, leads to the next one.
func TestHeldConnectionDied(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	o := options(s)
	o.Keys = &ring{set: []ssh.Signer{old, fresh}}
	p := newPool(t, o)
	listRefs(t, p, s.URL("app.git"))
	waiting := open(t, p, s.URL("app.git"))
	s.Authorize(fresh.PublicKey())
	s.Restart()
	if err := try(t, p, s.URL("app.git")); err != nil {
		t.Error(err)
	}
	if _, err := waiting.Refs(t.Context(), [32]byte{}); err != nil || waiting.keys.cur.name != prints(fresh)[0] {
		t.Errorf("a session that had begun: %v", err)
	}
	if got := s.Accepted(); !slices.Equal(got, prints(old, fresh)) {
		t.Errorf("logins %q", got)
	}

	h := testssh.StartHost(t, testssh.HostOptions{OneSession: true})
	testssh.AddCommits(t, h.InitRepo("app.git"), "main", 3, nil)
	o = hostOptions(h)
	o.Keys = &ring{set: []ssh.Signer{fresh, old}}
	p = newPool(t, o)
	for range 3 {
		listRefs(t, p, h.URL("app.git"))
		fetchHistory(t, p, h.URL("app.git"), nil, nil)
	}
	if got := strings.Count(strings.Join(h.Logins(), " "), prints(fresh)[0]); got != 1 {
		t.Errorf("the new key was offered %d times", got)
	}
}
