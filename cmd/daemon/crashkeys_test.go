//go:build crashpoints

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/testssh"
)

// A keyCrash is a daemon with an active key, a previous and a staged one, that dies in a command.
type keyCrash struct {
	*world
	dir string // of the repository
}

func newKeyCrash(t *testing.T, server *testssh.Server) *keyCrash {
	w := &keyCrash{world: newWorldOn(t, server)}
	w.head += "key: {}\n"
	w.dir = server.InitRepo(filepath.Base(w.world.dir) + filepath.Base(filepath.Dir(w.world.dir)))
	testssh.AddCommits(t, w.dir, "main", 1, nil)
	w.config(server.URL(w.dir))
	for _, name := range []string{"before.pem", "staged.pem", "other.pem"} {
		text, _ := testssh.NewKey(t)
		w.write(name, string(text))
	}
	return w
}

// ready brings the keys in place: the one that the server knows is active.
func (w *keyCrash) ready() {
	for _, args := range [][]string{{"import", "before.pem"}, {"import", "key.pem"}, {"stage", "staged.pem"}} {
		w.keyRun(append([]string{"key"}, args...)...)
	}
}

// points are the points that a command goes by, in their order.
func (w *keyCrash) points(args []string) (list []string) {
	file := filepath.Join(w.world.dir, "points")
	w.env = []string{"ISSUETRAIL_CRASH_LOG=" + file}
	w.mustStart()
	w.ready()
	w.keyRun("repo", "sync", "--wait")
	read := func() (n map[string]int) {
		n = map[string]int{}
		text, err := os.ReadFile(file)
		if err != nil {
			w.t.Fatal(err)
		}
		for name := range strings.FieldsSeq(string(text)) {
			if strings.HasPrefix(name, "keystore.") || strings.HasPrefix(name, "store.change_keys.") {
				n[name]++
			}
		}
		return n
	}
	before := read()
	w.keyRun(args...)
	for _, name := range slices.Sorted(maps.Keys(read())) {
		for n := before[name] + 1; n <= read()[name]; n++ {
			list = append(list, fmt.Sprintf("%s:%d", name, n))
		}
	}
	return list
}

// TestCrashInKeyCommands: wherever the daemon is killed while keys change, it comes back with a key that logs in, and
// the command can be given again.
func TestCrashInKeyCommands(t *testing.T) {
	server := testssh.Start(t, testssh.Options{})
	least := map[string]int{"rewrap": 9, "stage": 3, "activate": 2, "rollback": 2, "drop": 2}
	for _, args := range [][]string{{"key", "stage", "other.pem"}, {"key", "activate"}, {"key", "rollback"}, {"key", "drop", "staged"}, {"key", "rewrap"}} {
		t.Run(args[1], func(t *testing.T) {
			points := newKeyCrash(t, server).points(args)
			if len(points) < least[args[1]] {
				t.Fatalf("it goes by %v", points)
			}
			for _, at := range points {
				t.Run(at, func(t *testing.T) {
					t.Parallel()
					w := newKeyCrash(t, server)
					w.env = []string{"ISSUETRAIL_CRASH_AT=" + at}
					w.mustStart()
					w.ready()
					w.keyRun("repo", "sync", "--wait")
					if _, _, code := w.run(args...); code == 0 {
						t.Error("the command was answered by a daemon that died in it")
					}
					<-w.gone
					w.stop(syscall.SIGKILL)
					w.env = nil
					w.revives(args)
				})
			}
		})
	}
}

// revives says that the next daemon has all keys and syncs, and that the command works, now or again.
func (w *keyCrash) revives(args []string) {
	w.t.Helper()
	w.mustStart()
	hash := testssh.AddCommits(w.t, w.dir, "main", 1, func(int) string { return "APP-9 after the crash" })
	w.keyRun("repo", "sync", "--wait") // by whichever role the known key has
	if !w.linked("APP-9", hash) {
		w.t.Error("the commit is not linked")
	}
	r := w.keyStatus()
	for _, k := range []*string{&r.Active.Fingerprint, &r.Previous.Fingerprint} {
		if *k == "" {
			w.t.Errorf("%+v", r.KeyStatus)
		}
	}
	for _, warning := range []string{r.Active.Warning, r.Previous.Warning} {
		if strings.Contains(warning, "open") {
			w.t.Error(warning)
		}
	}
	if _, errs, code := w.run(args...); code != 0 && !strings.Contains(errs, "no key is staged") && !strings.Contains(errs, "staged already") {
		w.t.Errorf("again: exit status %d, %s", code, errs)
	}
	w.keyRun("key", "rewrap")
	w.stop(syscall.SIGTERM)
	w.mustStart()
	w.keyRun("repo", "sync", "--wait")
	known := ssh.FingerprintSHA256(w.ssh.Signer.PublicKey())
	if r := w.keyStatus(); r.Active.Fingerprint != known && r.Previous.Fingerprint != known {
		w.t.Errorf("the key that the server knows is gone: %+v", r.KeyStatus)
	}
	if master := w.read("data/master-key"); strings.Count(master, "\n") != 1 {
		w.t.Errorf("the master key file has %d lines", strings.Count(master, "\n"))
	}
	if left, _ := filepath.Glob(filepath.Join(w.world.dir, "data/.master-key-*")); len(left) > 1 {
		w.t.Errorf("left over: %v", left)
	}
}
