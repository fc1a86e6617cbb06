package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"issuetrail/internal/model"
	"issuetrail/internal/store"
	"issuetrail/internal/testssh"
)

// sealed are the keys as the database of a folder has them. No daemon may run on it.
func sealed(t *testing.T, dir string) []model.SealedKey {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	list, err := s.Keys(t.Context())
	if err != nil || len(list) == 0 {
		t.Fatalf("%d keys, %v", len(list), err)
	}
	return list
}

// TestRewrapOfAConfiguredMasterKey goes the way of docs/keys.md with a file of one's own, while the daemon runs: first both
// lines, then the command, then one line. What the old master key sealed is no longer in the rows, but it may be in the file
// and is in older copies, as the page says.
func TestRewrapOfAConfiguredMasterKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	old, fresh := strings.Repeat("0a", 32), strings.Repeat("f5", 32)
	w.head += "key: {master_key_file: master}\n"
	w.write("master", old+"\n")
	dir := w.ssh.InitRepo("app")
	testssh.AddCommits(t, dir, "main", 1, nil)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	w.keyRun("key", "import", "key.pem")
	w.kill()
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(filepath.Join(w.dir, "data"))); err != nil {
		t.Fatal(err)
	}
	before := sealed(t, filepath.Join(w.dir, "data"))
	w.mustStart()
	if _, errs, code := w.run("key", "rewrap"); code != 1 || !strings.Contains(errs, "openssl rand -hex 32") || !strings.Contains(errs, "on every node") {
		t.Errorf("with one line: exit status %d, %s", code, errs)
	}
	w.write("master", fresh+"\n"+old+"\n")
	if out := w.keyRun("key", "rewrap"); !strings.HasPrefix(out, "1 key sealed anew") || !strings.Contains(out, "second line") {
		t.Error(out)
	}
	w.keyRun("repo", "sync", "--wait")
	w.write("master", fresh+"\n")
	w.kill()
	w.mustStart()
	w.keyRun("repo", "sync", "--wait")
	if r := w.keyStatus(); r.Active == nil || strings.Contains(r.Active.Warning, "open") {
		t.Errorf("%+v", r.Active)
	}
	w.kill()
	now := sealed(t, filepath.Join(w.dir, "data"))
	if bytes.Equal(now[0].Cipher, before[0].Cipher) {
		t.Error("the row is what it was")
	}

	// A node with the old line alone has no key; an older copy of the database opens with it.
	w.write("master", old+"\n")
	w.mustStart()
	if _, errs, code := w.run("key", "show"); code != 1 || !strings.Contains(errs, "master key") {
		t.Errorf("exit status %d, %s", code, errs)
	}
	if _, errs, code := w.run("repo", "sync", "--wait"); code != 1 || !strings.Contains(errs, "key_missing") {
		t.Errorf("exit status %d, %s", code, errs)
	}
	w.kill()
	if err := os.RemoveAll(filepath.Join(w.dir, "data")); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(filepath.Join(w.dir, "data"), os.DirFS(backup)); err != nil {
		t.Fatal(err)
	}
	w.mustStart()
	w.keyRun("repo", "sync", "--wait")
}
