package keystore

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/model"
)

// threeKeys is a ring with a key of each role, "1 0 staged 2", and its own master key.
func threeKeys(t testing.TB, mem Vault, o Options) *Keyring {
	t.Helper()
	o.Vault = mem
	k, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []string{"import 0", "import 1", "stage 2"} {
		if err := do(k, step); err != nil {
			t.Fatal(err)
		}
	}
	return k
}

// opensWith says what a ring with this master key file has.
func opensWith(t testing.TB, mem Vault, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "m")
	write(t, file, []byte(text), 0o600)
	k, err := Open(ctx, Options{Vault: mem, MasterKeyFile: file})
	if err != nil {
		t.Fatal(err)
	}
	return names(t, k)
}

const (
	three  = "1 0 staged 2"
	closed = "staged key_missing" // a ring whose master key opens nothing
)

func TestRewrapOfOurOwnMasterKey(t *testing.T) {
	mem, dir := &memory{}, t.TempDir()
	k := threeKeys(t, mem, Options{DataDir: dir})
	file := filepath.Join(dir, masterName)
	old := string(readAll(t, file))
	before, _ := k.Infos(ctx)
	n, err := k.Rewrap(ctx)
	if err != nil || n != 3 {
		t.Fatalf("%d keys, %v", n, err)
	}
	now := string(readAll(t, file))
	if now == old || len(now) != len(old) || strings.Count(now, "\n") != 1 {
		t.Errorf("the file has %d bytes", len(now))
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	if got := opensWith(t, mem, old); got != closed {
		t.Errorf("the old master key opens %q", got)
	}
	if got := opensWith(t, mem, now); got != three {
		t.Errorf("the new master key opens %q", got)
	}
	after, err := k.Infos(ctx)
	if err != nil || len(after) != 3 || after[0] != before[0] || after[1] != before[1] || after[2] != before[2] {
		t.Errorf("before %+v\nafter %+v, %v", before, after, err)
	}
	if info, err := k.Master(ctx); err != nil || info != (MasterKey{File: file, Own: true, Keys: 1}) {
		t.Errorf("%+v, %v", info, err)
	}
	if err := do(k, "activate"); err != nil || names(t, k) != "2 1" {
		t.Errorf("after it: %v, %s", err, names(t, k))
	}
	left, err := filepath.Glob(dir + "/.*")
	if err != nil || len(left) > 0 {
		t.Errorf("files left: %v, %v", left, err)
	}
}

func TestRewrapWithoutAnyKey(t *testing.T) {
	dir := t.TempDir()
	k, err := Open(ctx, Options{Vault: &memory{}, DataDir: dir})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, masterName)
	old := string(readAll(t, file))
	if n, err := k.Rewrap(ctx); n != 0 || err != nil || string(readAll(t, file)) == old {
		t.Errorf("%d, %v", n, err)
	}
}

// A link in place of the file stays a link.
func TestRewrapFollowsALink(t *testing.T) {
	mem, dir, other := &memory{}, t.TempDir(), t.TempDir()
	file := filepath.Join(other, "elsewhere")
	write(t, file, bytes.Repeat([]byte{7}, 32), 0o600) // as they are
	if err := os.Symlink(file, filepath.Join(dir, masterName)); err != nil {
		t.Fatal(err)
	}
	k := threeKeys(t, mem, Options{DataDir: dir})
	if _, err := k.Rewrap(ctx); err != nil {
		t.Fatal(err)
	}
	if st, err := os.Lstat(filepath.Join(dir, masterName)); err != nil || st.Mode().Type() != os.ModeSymlink {
		t.Errorf("%v, %v", st, err)
	}
	if got := opensWith(t, mem, string(readAll(t, file))); got != three {
		t.Errorf("it opens %q", got)
	}
}

var (
	oldMaster = hex.EncodeToString(bytes.Repeat([]byte{1}, 32))
	newMaster = base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{2}, 32))
)

// A configured file: the way that the messages tell, with two nodes.
func TestRewrapOfAConfiguredMasterKey(t *testing.T) {
	mem, file, c := &memory{}, filepath.Join(t.TempDir(), "m"), &clock{time.Unix(1e9, 0)}
	o := Options{MasterKeyFile: file, Now: c.now}
	write(t, file, []byte(oldMaster+"\n"), 0o600)
	k := threeKeys(t, mem, o)
	o.Vault = mem
	other, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := k.Rewrap(ctx); code(t, err) != CodeMasterSingle || !strings.Contains(err.Error(), "openssl rand -hex 32") {
		t.Error(err)
	}
	both := "\r\n" + newMaster + " \r\n\n  " + oldMaster + "\n"
	write(t, file, []byte(both), 0o600)
	if info, err := k.Master(ctx); err != nil || info != (MasterKey{File: file, Keys: 2}) {
		t.Errorf("%+v, %v", info, err)
	}
	if n, err := k.Rewrap(ctx); err != nil || n != 3 {
		t.Errorf("%d keys, %v", n, err)
	}
	if info, err := k.Master(ctx); err != nil || info != (MasterKey{File: file, Keys: 2, Spare: true}) {
		t.Errorf("%+v, %v", info, err)
	}
	if n, err := k.Rewrap(ctx); err != nil || n != 0 {
		t.Errorf("again: %d keys, %v", n, err)
	}
	if string(readAll(t, file)) != both {
		t.Error("the administrator's file was written")
	}
	c.at = c.at.Add(2 * recheck)
	if got := names(t, other); got != three {
		t.Errorf("the other node has %q", got)
	}
	list, err := other.Infos(ctx)
	if err != nil || list[0].Warning != k.cur.Load().first.info.Warning {
		t.Errorf("%+v, %v", list, err)
	}
	write(t, file, []byte(newMaster), 0o600) // the second line is taken out
	if got := opensWith(t, mem, newMaster); got != three {
		t.Errorf("the new master key opens %q", got)
	}
	if got := opensWith(t, mem, oldMaster); got != closed {
		t.Errorf("the old master key opens %q", got)
	}
	if got := opensWith(t, mem, newMaster+"\n"+newMaster); got != three {
		t.Errorf("the same key twice opens %q", got)
	}
	for _, bad := range []string{newMaster + "\n" + oldMaster + "\n" + oldMaster, newMaster + "\nx", newMaster + " " + oldMaster, "\n"} {
		write(t, file, []byte(bad), 0o600)
		if _, err := Open(ctx, o); err == nil || strings.Contains(err.Error(), newMaster) || !strings.Contains(err.Error(), "two lines") {
			t.Errorf("%v", err)
		}
	}
}

// A node whose master key file was forgotten goes on with the keys that it has open, says so, and
// takes the new file without a restart.
func TestNodeThatWasNotToldOfTheNewMasterKey(t *testing.T) {
	mem, dir, c := &memory{}, t.TempDir(), &clock{time.Unix(1e9, 0)}
	write(t, dir+"/a", []byte(newMaster+"\n"+oldMaster), 0o600)
	write(t, dir+"/b", []byte(oldMaster), 0o600)
	b := threeKeys(t, mem, Options{MasterKeyFile: dir + "/b", Now: c.now})
	a, err := Open(ctx, Options{Vault: mem, MasterKeyFile: dir + "/a", Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.Rewrap(ctx); err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(2 * recheck)
	if got := names(t, b); got != three {
		t.Errorf("keys are %q", got)
	}
	list, err := b.Infos(ctx)
	if err != nil || len(list) != 3 {
		t.Fatalf("%+v, %v", list, err)
	}
	for _, info := range list {
		if !strings.Contains(info.Warning, dir+"/b") || !strings.Contains(info.Warning, "until the daemon ends") {
			t.Errorf("%+v", info)
		}
	}
	if err := b.Reload(ctx); failureCode(err) != model.CodeKeyMissing {
		t.Error(err)
	}
	write(t, dir+"/b", []byte(newMaster), 0o600)
	c.at = c.at.Add(2 * recheck)
	if list, err = b.Infos(ctx); err != nil || strings.Contains(list[0].Warning, "until") || names(t, b) != three {
		t.Errorf("%+v, %v", list, err)
	}
}

// failing is a Vault that fails from its nth call of ChangeKeys or Keys on.
type failing struct {
	*memory
	keys, changes int // calls to come that work; negative = all
}

var errAway = errors.New("the database is away")

func (f *failing) Keys(ctx context.Context) ([]model.SealedKey, error) {
	if f.keys--; f.keys == -1 {
		return nil, errAway
	}
	return f.memory.Keys(ctx)
}

func (f *failing) ChangeKeys(ctx context.Context, change func([]model.SealedKey) ([]model.SealedKey, error)) error {
	if f.changes--; f.changes == -1 {
		return errAway
	}
	return f.memory.ChangeKeys(ctx, change)
}

// Wherever Rewrap stops, what is in the file opens all keys, and the next Rewrap ends with one line
// that the file had then, or a new one.
func TestRewrapThatStopsHalfway(t *testing.T) {
	for name, c := range map[string]struct {
		keys, changes, lines int
	}{
		"before anything": {0, -9, 1}, "before the keys are sealed": {-9, 0, 2}, "before the old key goes": {1, -9, 2},
	} {
		mem, dir := &memory{}, t.TempDir()
		k := threeKeys(t, mem, Options{DataDir: dir})
		file := filepath.Join(dir, masterName)
		old := string(readAll(t, file))
		k.o.Vault = &failing{mem, c.keys, c.changes}
		if _, err := k.Rewrap(ctx); !errors.Is(err, errAway) {
			t.Errorf("%s: %v", name, err)
		}
		half := string(readAll(t, file))
		if lines := strings.Count(half, "\n"); lines != c.lines || !strings.HasSuffix(half, old) {
			t.Errorf("%s: %d lines in the file", name, lines)
		}
		k, err := Open(ctx, Options{Vault: mem, DataDir: dir})
		if err != nil || names(t, k) != three {
			t.Fatalf("%s: after a restart: %v, %s", name, err, names(t, k))
		}
		if _, err := k.Rewrap(ctx); err != nil {
			t.Errorf("%s: again: %v", name, err)
		}
		end := string(readAll(t, file))
		if strings.Count(end, "\n") != 1 || end == old || c.lines == 2 && !strings.HasPrefix(half, end) {
			t.Errorf("%s: %d bytes in the file at the end", name, len(end))
		}
		if now, then := opensWith(t, mem, end), opensWith(t, mem, old); now != three || then != closed {
			t.Errorf("%s: the new key opens %q, the old one %q", name, now, then)
		}
	}
}

// The file of a stop halfway, and rows sealed by either line.
func TestRowsSealedByEitherLine(t *testing.T) {
	mem, dir := &memory{}, t.TempDir()
	file := filepath.Join(dir, masterName)
	write(t, file, []byte(oldMaster), 0o600)
	k := threeKeys(t, mem, Options{DataDir: dir})
	write(t, file, []byte(newMaster+"\n"+oldMaster+"\n"), 0o600)
	if err := do(k, "import 3"); err != nil { // under the new one
		t.Fatal(err)
	}
	if got := opensWith(t, mem, newMaster); got != "3 staged key_missing" {
		t.Errorf("the first line opens %q", got)
	}
	k, err := Open(ctx, Options{Vault: mem, DataDir: dir})
	if err != nil || names(t, k) != "3 1 staged 2" {
		t.Fatalf("%v, %s", err, names(t, k))
	}
	if n, err := k.Rewrap(ctx); n != 2 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	if got := string(readAll(t, file)); got != strings.Repeat("02", 32)+"\n" {
		t.Errorf("the file has %q", got)
	}
	if got := opensWith(t, mem, newMaster); got != "3 1 staged 2" {
		t.Errorf("it opens %q", got)
	}
}

// What a kill left beside the file goes at a later start, and what is fresh or another's stays.
func TestRestsOfTheMasterKeyAreRemoved(t *testing.T) {
	dir := t.TempDir()
	for name, age := range map[string]time.Duration{".master-key-123": time.Hour, ".master-key-456": 0, "other": time.Hour} {
		write(t, filepath.Join(dir, name), []byte(oldMaster), 0o600)
		at := time.Now().Add(-age)
		if err := os.Chtimes(filepath.Join(dir, name), at, at); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(ctx, Options{Vault: &memory{}, DataDir: dir}); err != nil {
		t.Fatal(err)
	}
	var left []string
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		left = append(left, e.Name())
	}
	if got := strings.Join(left, " "); got != ".master-key-456 master-key other" {
		t.Errorf("left are %s", got)
	}
}
