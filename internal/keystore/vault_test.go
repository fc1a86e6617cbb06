package keystore

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/model"
	"issuetrail/internal/store"
	"issuetrail/internal/testpg"
)

func TestMain(m *testing.M) { testpg.Main(m) }

// onStores runs a test on a real store of each engine. Nodes share the database: on SQLite they
// are several rings of one process.
func onStores(t *testing.T, f func(t *testing.T, node func() Vault)) {
	t.Run("sqlite", func(t *testing.T) {
		s := openStore(t, store.Options{DataDir: t.TempDir()})
		f(t, func() Vault { return s })
	})
	t.Run("postgres", func(t *testing.T) {
		url := testpg.New(t)
		f(t, func() Vault { return openStore(t, store.Options{URL: url}) })
	})
}

func openStore(t testing.TB, o store.Options) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// nodes are rings on one database with one master key; their clock is moved by the test.
func nodes(t *testing.T, n int, node func() Vault) ([]*Keyring, *clock) {
	t.Helper()
	dir, c := t.TempDir(), &clock{time.Unix(1e9, 0)}
	write(t, dir+"/m", []byte(newMaster+"\n"+oldMaster), 0o600)
	rings := make([]*Keyring, n)
	for i := range rings {
		k, err := Open(ctx, Options{Vault: node(), MasterKeyFile: dir + "/m", Now: c.now})
		if err != nil {
			t.Fatal(err)
		}
		rings[i] = k
	}
	return rings, c
}

func TestEveryChangeIsSeenOnAllNodes(t *testing.T) {
	onStores(t, func(t *testing.T, node func() Vault) {
		rings, c := nodes(t, 3, node)
		for i, step := range []struct{ do, want string }{
			{"import 0", "0"},
			{"stage 1", "0 staged 1"},
			{"activate", "1 0"},
			{"rollback", "0 1"},
			{"stage 2", "0 1 staged 2"},
			{"rewrap", "0 1 staged 2"},
			{"activate", "2 0"},
			{"stage 3", "2 0 staged 3"},
			{"drop staged", "2 0"},
			{"drop previous", "2"},
		} {
			if err := do(rings[i%len(rings)], step.do); err != nil {
				t.Fatalf("%s: %v", step.do, err)
			}
			if got := names(t, rings[i%len(rings)]); got != step.want {
				t.Errorf("%s: the node itself has %q, want %q", step.do, got, step.want)
			}
			c.at = c.at.Add(recheck + time.Millisecond)
			for n, k := range rings {
				if got := names(t, k); got != step.want {
					t.Errorf("%s: node %d has %q, want %q", step.do, n, got, step.want)
				}
			}
		}
	})
}

// Two nodes activate the staged key at once: one does, and the key before it is kept.
func TestTwoActivationsAtOnce(t *testing.T) {
	onStores(t, func(t *testing.T, node func() Vault) {
		rings, c := nodes(t, 2, node)
		for range 10 {
			for _, step := range []string{"import 0", "stage 1"} {
				if err := do(rings[0], step); err != nil {
					t.Fatal(err)
				}
			}
			errs := atOnce(func() error { return do(rings[0], "activate") }, func() error { return do(rings[1], "activate") })
			if (errs[0] == nil) == (errs[1] == nil) || code(t, errors.Join(errs...)) != CodeNotStaged {
				t.Errorf("they say %v", errs)
			}
			c.at = c.at.Add(2 * recheck)
			for _, k := range rings {
				if got := names(t, k); got != "1 0" {
					t.Errorf("keys are %q", got)
				}
			}
		}
	})
}

// One node activates while the other drops, stages another one, or brings a key: whichever comes
// first, what is left is one of the two orders.
func TestActivateWhileAnotherNodeChangesTheKeys(t *testing.T) {
	onStores(t, func(t *testing.T, node func() Vault) {
		rings, c := nodes(t, 2, node)
		for other, outcomes := range map[string][2]string{
			"drop staged":   {"1 0", "0 3"},
			"drop previous": {"1", "1 0"},
			"stage 2":       {"1 0 staged 2", "2 0"},
			"import 2":      {"2 1", "1 2"},
			"rollback":      {"0 1", "1 3"},
			"rewrap":        {"1 0", "1 0"},
		} {
			for range 5 {
				for _, step := range []string{"import 3", "import 0", "stage 1"} {
					if err := do(rings[0], step); err != nil {
						t.Fatal(err)
					}
				}
				errs := atOnce(func() error { return do(rings[0], "activate") }, func() error { return do(rings[1], other) })
				for _, err := range errs {
					if err != nil && code(t, err) != CodeNotStaged {
						t.Errorf("%s: %v", other, err)
					}
				}
				c.at = c.at.Add(2 * recheck)
				if got := names(t, rings[0]); got != names(t, rings[1]) || got != outcomes[0] && got != outcomes[1] {
					t.Errorf("activate and %s at once leave %q and %q, want one of %q", other, got, names(t, rings[1]), outcomes)
				}
			}
		}
	})
}

func atOnce(f ...func() error) []error {
	errs := make([]error, len(f))
	var wg sync.WaitGroup
	for i := range f {
		wg.Go(func() { errs[i] = f[i]() })
	}
	wg.Wait()
	return errs
}

// What servers said to a key goes with the key, whose fingerprint the store and the keyring must read alike.
func TestChecksGoWithTheirKey(t *testing.T) {
	onStores(t, func(t *testing.T, node func() Vault) {
		s := node().(*store.Store)
		r, err := s.AddRepo(ctx, model.RepoSpec{URL: "git@example.com:acme/app.git", Host: "h", Source: model.SourceAPI})
		if err != nil {
			t.Fatal(err)
		}
		k := threeKeys(t, s, Options{DataDir: t.TempDir()})
		list, err := k.Infos(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, info := range list {
			err := s.PutKeyChecks(ctx, []model.KeyCheck{{RepoID: r.ID, Fingerprint: info.Fingerprint, OK: true, CheckedAt: time.Unix(1, 0)}})
			if err != nil {
				t.Fatal(err)
			}
		}
		known := func() (got string) {
			for _, info := range list {
				checks, err := s.KeyChecks(ctx, info.Fingerprint)
				if err != nil {
					t.Fatal(err)
				}
				got += fmt.Sprint(len(checks))
			}
			return got
		}
		for _, step := range []struct{ do, want string }{
			{"rewrap", "111"}, {"rollback", "111"}, {"drop staged", "101"}, {"stage 2", "101"}, {"drop previous", "001"},
		} {
			if err := do(k, step.do); err != nil {
				t.Fatal(err)
			}
			if got := known(); got != step.want {
				t.Errorf("after %s: %s checks, want %s", step.do, got, step.want)
			}
		}
	})
}
