//go:build crashpoints

package keystore

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/store"
	"issuetrail/internal/testpg"
)

// A crashed change of the keys: a process of its own makes it and is killed at a point.
type crashed struct {
	data, url string // folder; database, "" = SQLite
	step      string
}

// TestCrashChild is what the process does; in the run of the tests it does nothing.
func TestCrashChild(t *testing.T) {
	step := os.Getenv("KEYSTORE_STEP")
	if step == "" {
		return
	}
	c := crashed{data: os.Getenv("KEYSTORE_DATA"), url: os.Getenv("KEYSTORE_URL")}
	k, shut := c.open(t, time.Now)
	defer shut()
	verb, file, _ := strings.Cut(step, " ")
	var err error
	switch verb { // the parent's keys come as files
	case "import":
		_, _, err = k.Import(ctx, readAll(t, file), nil)
	case "stage":
		_, _, err = k.Stage(ctx, readAll(t, file), nil)
	default:
		err = do(k, verb)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// open gives the ring of a start of the daemon, and what ends it.
func (c crashed) open(t testing.TB, now func() time.Time) (*Keyring, func()) {
	t.Helper()
	s, err := store.Open(ctx, store.Options{DataDir: c.data, URL: c.url})
	if err != nil {
		t.Fatal(err)
	}
	k, err := Open(ctx, Options{Vault: s, DataDir: c.data, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return k, func() { s.Close() }
}

// run makes the change in a process of its own and says whether it was killed.
func (c crashed) run(t *testing.T, more ...string) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestCrashChild$")
	cmd.Env = append(append(os.Environ(), "KEYSTORE_DATA="+c.data, "KEYSTORE_URL="+c.url, "KEYSTORE_STEP="+c.step), more...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL {
		return true
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return false
}

// Wherever a change of the keys is killed: after the restart all keys open, they are those of before
// or of after, and the change can be made again.
func TestCrashInChangesOfKeys(t *testing.T) {
	dir := t.TempDir()
	for i, key := range fewKeys() {
		write(t, filepath.Join(dir, fmt.Sprint(i)), key.pem, 0o600)
	}
	for _, engine := range []string{"sqlite", "postgres"} {
		for step, want := range map[string][2]string{ // before and after, from "1 0 staged 2"
			"rewrap":               {three, three},
			"import " + dir + "/3": {three, "3 1 staged 2"},
			"stage " + dir + "/3":  {three, "1 0 staged 3"},
			"activate":             {three, "2 1"},
			"rollback":             {three, "0 1 staged 2"},
		} {
			fresh := func(t *testing.T) crashed {
				c := crashed{data: t.TempDir(), step: step}
				if engine == "postgres" {
					c.url = testpg.New(t)
				}
				k, shut := c.open(t, time.Now)
				defer shut()
				for _, s := range []string{"import 0", "import 1", "stage 2"} {
					if err := do(k, s); err != nil {
						t.Fatal(err)
					}
				}
				return c
			}
			log := filepath.Join(t.TempDir(), "points")
			fresh(t).run(t, "ISSUETRAIL_CRASH_LOG="+log)
			hits := map[string]int{}
			verb, _, _ := strings.Cut(step, " ")
			for point := range strings.FieldsSeq(string(readAll(t, log))) {
				hits[point]++
				at := fmt.Sprintf("%s:%d", point, hits[point])
				t.Run(fmt.Sprintf("%s %s %s", engine, verb, at), func(t *testing.T) {
					c := fresh(t)
					old := string(readAll(t, filepath.Join(c.data, masterName)))
					if !c.run(t, "ISSUETRAIL_CRASH_AT="+at) {
						t.Error("the process was not killed")
					}
					c.check(t, want, old)
				})
			}
			if hits["store.change_keys.done"] != 1 || verb == "rewrap" && hits["keystore.file.put"] != 2 {
				t.Errorf("%s goes by the points %v", verb, hits)
			}
		}
	}
}

// check looks at what a kill left, makes the change again, and looks for what it leaves then.
func (c crashed) check(t *testing.T, want [2]string, oldMaster string) {
	t.Helper()
	k, shut := c.open(t, time.Now)
	got := names(t, k)
	if !slices.Contains(want[:], got) {
		t.Errorf("after the kill the keys are %q, want one of %q", got, want)
	}
	list, err := k.Infos(ctx)
	for _, info := range list {
		if strings.Contains(info.Warning, "cannot") {
			t.Errorf("%s: %s", info.Role, info.Warning)
		}
	}
	shut()
	if err != nil || got == want[0] {
		c.run(t)
	}
	k, shut = c.open(t, func() time.Time { return time.Now().Add(time.Hour) }) // rests are old by then
	defer shut()
	if got := names(t, k); got != want[1] {
		t.Errorf("at the end the keys are %q, want %q", got, want[1])
	}
	if left, _ := filepath.Glob(filepath.Join(c.data, ".master-key*")); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
	if c.step != "rewrap" {
		return
	}
	if text := string(readAll(t, filepath.Join(c.data, masterName))); strings.Count(text, "\n") != 1 || strings.Contains(text, oldMaster) {
		t.Errorf("the master key file has %d bytes", len(text))
	}
	if got := opensWith(t, k.o.Vault, oldMaster); got != closed {
		t.Errorf("the old master key opens %q", got)
	}
}
