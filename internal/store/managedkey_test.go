package store

import (
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/model"
)

// sealed is a key of a role; a word stands for what is in it.
func sealed(role model.KeyRole, word string) model.SealedKey {
	line := "ssh-rsa " + base64.StdEncoding.EncodeToString([]byte(word)) + " issuetrail"
	return model.SealedKey{Role: role, Cipher: []byte("sealed " + word), PublicKey: line, InstalledAt: time.Unix(2, 0).UTC()}
}

// setKeys makes these the managed keys.
func setKeys(t testing.TB, s *Store, keys ...model.SealedKey) {
	t.Helper()
	ok(t, s.ChangeKeys(t.Context(), func([]model.SealedKey) ([]model.SealedKey, error) { return keys, nil }))
}

func TestManagedKeys(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		if got := must(s.Keys(t.Context()))(t); len(got) != 0 {
			t.Errorf("a new database has keys %+v", got)
		}
		a, st, p := sealed(model.KeyActive, "a"), sealed(model.KeyStaged, "s"), sealed(model.KeyPrevious, "p")
		swapped := a
		swapped.Role = model.KeyPrevious
		for _, list := range [][]model.SealedKey{
			{a}, {a, p}, {a, p, st}, {a, st}, {sealed(model.KeyActive, "other"), swapped}, {}, {st},
		} {
			setKeys(t, s, list...)
			if got := must(s.Keys(t.Context()))(t); !cmp.Equal(got, list) && len(got)+len(list) > 0 {
				t.Errorf("stored %+v, want %+v", got, list)
			}
		}
		setKeys(t, s, a, p)
		refusal := errors.New("no")
		if err := s.ChangeKeys(t.Context(), func([]model.SealedKey) ([]model.SealedKey, error) { return nil, refusal }); err != refusal {
			t.Errorf("a refusal comes back as %v", err)
		}
		for _, bad := range [][]model.SealedKey{{sealed("spare", "x")}, {sealed("", "x")}} {
			if err := s.ChangeKeys(t.Context(), func([]model.SealedKey) ([]model.SealedKey, error) { return bad, nil }); err == nil {
				t.Errorf("stored %+v", bad)
			}
		}
		ok(t, s.Close())
		if got := must(b.open().Keys(t.Context()))(t); !cmp.Equal(got, []model.SealedKey{a, p}) {
			t.Errorf("after a restart %+v", got)
		}
	})
}

// Many nodes change the keys at once: each sees what the one before left, nothing is lost.
func TestChangesOfKeysComeOneAfterAnother(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		nodes := []*Store{b.open()}
		if b.opts.URL != "" {
			nodes = append(nodes, b.open(), b.open())
		}
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				err := nodes[i%len(nodes)].ChangeKeys(t.Context(), func(keys []model.SealedKey) ([]model.SealedKey, error) {
					if len(keys) == 0 {
						return []model.SealedKey{sealed(model.KeyActive, "1")}, nil
					}
					keys[0].Cipher = append(keys[0].Cipher, 'x')
					return keys, nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		got := must(nodes[0].Keys(t.Context()))(t)
		if want := "sealed 1" + strings.Repeat("x", 29); len(got) != 1 || string(got[0].Cipher) != want {
			t.Errorf("got %q", got)
		}
	})
}

// A database of version 4 has one key, which is the active one after.
func TestTheKeyOfVersion4IsTheActiveOne(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		db, d := rawDatabase(t, b)
		p, err := provider(db, d)
		ok(t, err)
		must(p.UpTo(t.Context(), 4))(t)
		want := sealed(model.KeyActive, "old")
		_, err = db.ExecContext(t.Context(), `INSERT INTO managed_key (id, cipher, public_key, installed_at) VALUES (1, $1, $2, $3)`,
			want.Cipher, want.PublicKey, micros(want.InstalledAt))
		ok(t, err)
		ok(t, db.Close())
		s := b.open()
		if got := must(s.Keys(t.Context()))(t); !cmp.Equal(got, []model.SealedKey{want}) {
			t.Errorf("keys are %+v", got)
		}
		setKeys(t, s, want, sealed(model.KeyStaged, "new"))
	})
}

func TestKeyChecks(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		one, two := addRepo(t, s, "acme/app").ID, addRepo(t, s, "acme/lib").ID
		staged := sealed(model.KeyStaged, "s")
		setKeys(t, s, sealed(model.KeyActive, "a"), staged)
		check := func(repo int64, line string, accepted bool, at int64) model.KeyCheck {
			c := model.KeyCheck{RepoID: repo, Fingerprint: fingerprint(line), OK: accepted, CheckedAt: time.Unix(at, 1000).UTC()}
			if !accepted {
				c.Code, c.Detail = model.CodeAuthFailed, "the key is refused"
			}
			return c
		}
		want := func(line string, checks ...model.KeyCheck) {
			t.Helper()
			if got := must(s.KeyChecks(t.Context(), fingerprint(line)))(t); !cmp.Equal(got, checks) {
				t.Errorf("checks are %+v, want %+v", got, checks)
			}
		}
		a := sealed(model.KeyActive, "a").PublicKey
		ok(t, s.PutKeyChecks(t.Context(), []model.KeyCheck{
			check(two, staged.PublicKey, true, 10), check(one, staged.PublicKey, false, 10), check(one, a, true, 10), check(99, a, true, 10),
		}))
		want(staged.PublicKey, check(one, staged.PublicKey, false, 10), check(two, staged.PublicKey, true, 10))
		want(a, check(one, a, true, 10))
		ok(t, s.PutKeyChecks(t.Context(), []model.KeyCheck{check(one, staged.PublicKey, true, 11), check(two, staged.PublicKey, false, 9)}))
		want(staged.PublicKey, check(one, staged.PublicKey, true, 11), check(two, staged.PublicKey, true, 10))
		ok(t, s.DeleteRepo(t.Context(), two))
		want(staged.PublicKey, check(one, staged.PublicKey, true, 11))
		ok(t, s.PutKeyChecks(t.Context(), []model.KeyCheck{check(two, staged.PublicKey, true, 12)}))
		purged(t, s)
		until(t, func() bool { return countRows(t, s, "key_check") == 2 })

		active := staged // the staged key becomes the active one: what is known of it stays
		active.Role = model.KeyActive
		setKeys(t, s, active)
		want(staged.PublicKey, check(one, staged.PublicKey, true, 11))
		want(a)
		ok(t, s.PutKeyChecks(t.Context(), []model.KeyCheck{check(one, a, true, 20)})) // came late
		setKeys(t, s, active, sealed(model.KeyStaged, "a"))
		want(a)
		ok(t, s.DropKeyChecks(t.Context(), fingerprint(staged.PublicKey)))
		want(staged.PublicKey)
	})
}

// Nodes that note checks of the same repos at once do not lock each other out.
func TestKeyChecksOfManyNodes(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		var checks []model.KeyCheck
		for i := range 20 {
			r := addRepo(t, s, fmt.Sprintf("acme/app%d", i))
			checks = append(checks, model.KeyCheck{RepoID: r.ID, Fingerprint: "SHA256:x", OK: true, CheckedAt: time.Unix(5, 0).UTC()})
		}
		var wg sync.WaitGroup
		for n := range 8 {
			mine := append(append([]model.KeyCheck(nil), checks[n:]...), checks[:n]...)
			wg.Go(func() {
				if err := s.PutKeyChecks(t.Context(), mine); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := must(s.KeyChecks(t.Context(), "SHA256:x"))(t); !cmp.Equal(got, checks) {
			t.Errorf("got %+v", got)
		}
	})
}

func TestFingerprintIsThatOfSSHKeygen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	line := must(os.ReadFile(file + ".pub"))(t)
	out := must(exec.Command("ssh-keygen", "-lf", file+".pub").Output())(t)
	if got := fingerprint(string(line)); got == "" || !strings.Contains(string(out), " "+got+" ") {
		t.Errorf("got %q, ssh-keygen says %s", got, out)
	}
	for _, bad := range []string{"", "ssh-rsa", "ssh-rsa !"} {
		if got := fingerprint(bad); got != "" {
			t.Errorf("%q has fingerprint %s", bad, got)
		}
	}
}
