package keystore

import (
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// Everything at once; the race detector and the deadlock of a test that never ends judge.
func TestConcurrentUse(t *testing.T) {
	mem := &memory{}
	k, err := Open(ctx, Options{Vault: mem, DataDir: t.TempDir(), Now: func() time.Time { return time.Now().Add(recheck) }})
	if err != nil {
		t.Fatal(err)
	}
	hosts := newKnownHosts(t, KnownHostsOptions{Trust: mem})
	first, second := EncodePEM(mustGenerate(t)), EncodePEM(mustGenerate(t))
	if _, _, err := k.Import(ctx, append([]byte(nil), first...), nil); err != nil {
		t.Fatal(err)
	}
	key := ed25519Key(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				if _, err := firstSigner(k); err != nil {
					t.Error(err)
				}
				if _, err := k.Info(ctx); err != nil {
					t.Error(err)
				}
				_ = hosts.Check("github.com:22", key)
				hosts.List()
				if i == 0 {
					first, second = second, first
					if _, _, err := k.Import(ctx, append([]byte(nil), first...), nil); err != nil {
						t.Error(err)
					}
					if _, err := hosts.Add(ctx, "h", ssh.FingerprintSHA256(key), []ssh.PublicKey{key}); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	wg.Wait()
}

// A generation that was counted before its keys were in force gave it to a connection that the old
// ones had let in, which then was held for its whole life: also one whose key was just revoked.
func TestGenerationIsNotAheadOfItsKeys(t *testing.T) {
	key := ed25519Key(t)
	for range 300 {
		mem := &memory{}
		if err := mem.ChangeKnownHosts(ctx, nil, []model.KnownHost{knownHost("a.example:22", key, sourceAdded)}); err != nil {
			t.Fatal(err)
		}
		hosts := newKnownHosts(t, KnownHostsOptions{Trust: mem})
		before := hosts.Generation()
		if err := mem.ChangeKnownHosts(ctx, mem.hosts, nil); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for hosts.Generation() == before {
				runtime.Gosched()
			}
			if hosts.Check("a.example:22", key) == nil {
				t.Error("the new generation trusts a key that is gone")
			}
		})
		if err := hosts.Reload(ctx); err != nil {
			t.Error(err)
		}
		wg.Wait()
	}
}
