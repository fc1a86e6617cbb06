package keystore

import (
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
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
