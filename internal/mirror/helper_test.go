package mirror

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// keys is a Keys of one signer.
type keys struct{ signer ssh.Signer }

func (k *keys) Signers(context.Context) ([]ssh.Signer, error) {
	if k.signer == nil {
		return nil, &model.Failure{Code: model.CodeKeyMissing, Detail: "no key"}
	}
	return []ssh.Signer{k.signer}, nil
}

// trust is a HostKeys that trusts some keys at every server.
type trust struct {
	keys       []ssh.PublicKey
	generation atomic.Uint64
}

func (t *trust) Check(hostport string, key ssh.PublicKey) error {
	code := model.CodeHostKeyUnknown
	for _, k := range t.keys {
		if string(k.Marshal()) == string(key.Marshal()) {
			return nil
		}
		code = model.CodeHostKeyChanged
	}
	return &model.Failure{Code: code, Detail: hostport + " " + ssh.FingerprintSHA256(key)}
}

func (t *trust) Algorithms(string) (out []string) {
	for _, k := range t.keys {
		out = append(out, k.Type())
	}
	return out
}

func (t *trust) Generation() uint64 { return t.generation.Load() }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

// options trust the server.
func options(s *testssh.Server) Options {
	return Options{
		Keys: &keys{s.Signer}, HostKeys: &trust{keys: s.HostKeys},
		Allow:    func() []netip.Prefix { return loopback },
		Timeouts: Timeouts{Dial: 5 * time.Second, Handshake: 10 * time.Second, Idle: 20 * time.Second},
	}
}

func newPool(t testing.TB, o Options) *Pool {
	t.Helper()
	p := NewPool(o)
	t.Cleanup(func() { p.Close() })
	return p
}

func address(t testing.TB, url string) model.Address {
	t.Helper()
	a, err := model.ParseAddress(url)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func open(t testing.TB, p *Pool, url string) *Session {
	t.Helper()
	s, err := p.Open(t.Context(), address(t, url))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// listRefs lists the refs in a session of its own.
func listRefs(t testing.TB, p *Pool, url string) model.RefList {
	t.Helper()
	s := open(t, p, url)
	defer s.Close()
	list, err := s.Refs(t.Context(), [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A history is what a fetch brought.
type history struct {
	FetchResult
	commits map[model.Hash]string
	order   []model.Hash
}

// fetchHistory fetches the wants, or all tips, in a session of its own.
func fetchHistory(t testing.TB, p *Pool, url string, wants, haves []model.Hash) history {
	t.Helper()
	h, err := tryFetch(t, p, url, wants, haves)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func tryFetch(t testing.TB, p *Pool, url string, wants, haves []model.Hash) (history, error) {
	t.Helper()
	s := open(t, p, url)
	defer s.Close()
	if wants == nil {
		list, err := s.Refs(t.Context(), [32]byte{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range list.Refs {
			wants = append(wants, r.Tip)
		}
	}
	h := history{commits: map[model.Hash]string{}}
	var err error
	h.FetchResult, err = s.Fetch(t.Context(), FetchRequest{Wants: wants, Haves: haves}, func(c model.RawCommit) error {
		if _, twice := h.commits[c.Hash]; twice {
			return fmt.Errorf("%s came twice", c.Hash)
		}
		h.commits[c.Hash] = string(c.Raw)
		h.order = append(h.order, c.Hash)
		return nil
	})
	return h, err
}

// checkHistory compares commit for commit, byte for byte, with what git says of
// a range of revisions.
func checkHistory(t testing.TB, dir string, h history, revs ...string) {
	t.Helper()
	out := testssh.Git(t, dir, append([]string{"rev-list"}, revs...)...)
	want := strings.Fields(out)
	for _, name := range want {
		raw, ok := h.commits[id(t, name)]
		if !ok {
			t.Errorf("commit %s is missing", name)
		} else if len(want) < 50 && strings.TrimRight(raw, "\n") != testssh.Git(t, dir, "cat-file", "commit", name) {
			t.Errorf("commit %s is\n%q", name, raw)
		}
	}
	if len(h.commits) != len(want) {
		t.Errorf("%d commits came, want %d", len(h.commits), len(want))
	}
}

func id(t testing.TB, s string) model.Hash {
	t.Helper()
	h, err := model.ParseHash(s)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// wantCode checks that err is a failure of the code whose text holds all of the words.
func wantCode(t testing.TB, err error, code string, words ...string) {
	t.Helper()
	var f *model.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a failure of code %s", err, code)
	}
	if f.Code != code {
		t.Fatalf("got %s: %s, want code %s", f.Code, f.Detail, code)
	}
	for _, w := range words {
		if !strings.Contains(f.Detail+" "+f.Hint, w) {
			t.Fatalf("%q %q does not say %q", f.Detail, f.Hint, w)
		}
	}
}

// names are the names of refs.
func names(refs []model.Ref) (out []string) {
	for _, r := range refs {
		out = append(out, r.Name)
	}
	return out
}

// waitFor polls until the condition holds.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(15 * time.Second); !condition(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
