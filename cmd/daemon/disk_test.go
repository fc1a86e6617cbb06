package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/testssh"
)

// A smallDisk is a tmpfs of 16 MiB in a mount namespace of its own: who may not mount
// elsewhere may do so in one.
type smallDisk struct {
	enter []string // command that runs another one where the disk is mounted
	path  string   // of the disk, in there
	seen  string   // the same from here
}

// newSmallDisk mounts a disk. A process holds the namespace until the test ends.
func newSmallDisk(t *testing.T) smallDisk {
	t.Helper()
	d := smallDisk{path: t.TempDir()}
	unshare, enter := []string{"-m"}, []string{"-m"}
	if os.Geteuid() != 0 {
		unshare, enter = []string{"-m", "-r"}, []string{"-m", "-U", "--preserve-credentials"}
	}
	holder := exec.Command("unshare", append(unshare, "sh", "-c", `mount -t tmpfs -o size=48m,mode=700 tmpfs "$0" && echo mounted && exec cat`, d.path)...)
	in, err := holder.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	holder.Stderr = os.Stderr
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		_ = holder.Wait()
	})
	if line, _ := bufio.NewReader(out).ReadString('\n'); line != "mounted\n" {
		t.Fatal("neither root nor a user namespace may mount on this machine: this test needs one of them")
	}
	d.enter = append([]string{"nsenter", "-t", strconv.Itoa(holder.Process.Pid)}, enter...)
	d.seen = fmt.Sprintf("/proc/%d/root%s", holder.Process.Pid, d.path)
	return d
}

// A filler takes all room that is left on a disk.
type filler struct{ file string }

func (f filler) fill(t *testing.T) {
	t.Helper()
	out, err := os.OpenFile(f.file, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	for _, size := range []int{1 << 20, 4096, 1} {
		for block := make([]byte, size); err == nil; {
			_, err = out.Write(block)
		}
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatal(err)
		}
		err = nil
	}
}

func (f filler) remove(t *testing.T) {
	t.Helper()
	if err := os.Remove(f.file); err != nil {
		t.Fatal(err)
	}
}

// diskWorld is a world whose data lies on a small disk.
func diskWorld(t *testing.T) (*world, filler) {
	t.Helper()
	disk, w := newSmallDisk(t), newWorld(t, testssh.Options{})
	w.enter = append(disk.enter, "sh", "-c", `cd "$0" && exec "$@"`, w.dir)
	if err := os.Symlink(disk.path, filepath.Join(w.dir, "data")); err != nil {
		t.Fatal(err)
	}
	return w, filler{filepath.Join(disk.seen, "filler")}
}

// readyz gives the status and the text of /readyz.
func (w *world) readyz() (int, string) {
	w.t.Helper()
	res, err := http.Get(w.base + "/readyz")
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	text, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(text)
}

// On a full disk no delivery is answered 2xx, reads go on, /readyz says so; with room again
// the daemon recovers by itself, and what is sent again is processed.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	w, disk := diskWorld(t)
	dir := w.ssh.InitRepo("acme/app.git")
	testssh.AddCommits(t, dir, "main", 20, nil)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	w.synced("app")
	first := testssh.Git(t, dir, "rev-list", "--max-parents=0", "main")
	pushed := testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-500 on a full disk" })
	body := pushBody("acme/app", "refs/heads/main", pushed)
	accepted, refused := w.refusals(disk, body, func() bool { return true })
	if !w.linked("APP-1", first) {
		t.Error("what was linked cannot be read")
	}
	// A checkpoint may make room in the files for a moment, so go on until the two meet.
	more, again := w.refusals(disk, body, func() bool { status, text := w.readyz(); return status == 503 && strings.Contains(text, "database") })
	accepted, refused = append(accepted, more...), append(refused, again...)
	if status, _ := w.post("/webhooks/github", "{}", nil); status != 401 {
		t.Errorf("an unsigned delivery: %d", status)
	}
	disk.remove(t)
	began := time.Now()
	w.until("it is ready again", func() bool { status, _ := w.readyz(); return status == 200 })
	for _, id := range refused {
		if status, answer := w.deliver(id, body); status != 202 {
			t.Errorf("%s, refused before, sent again: %d %v", id, status, answer)
		}
	}
	for _, id := range accepted {
		if status, answer := w.deliver(id, body); status != 200 || answer["reason"] != "seen before" {
			t.Errorf("%s, accepted before, sent again: %d %v", id, status, answer)
		}
	}
	w.until("it is processed", func() bool { return w.linked("APP-500", pushed) })
	t.Logf("%d accepted and %d refused on the full disk; recovered within %s", len(accepted), len(refused), time.Since(began))
	w.sameLinks("app", dir, "APP", "OPS")
	if code := w.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("exit status %d", code)
	}
	w.mustStart()
	w.sameLinks("app", dir, "APP", "OPS")
}

// refusals fills the disk and delivers until ten deliveries were refused and seen says so. Some
// may be accepted still: there may be room in the files that the database has.
func (w *world) refusals(disk filler, body string, seen func() bool) (accepted, refused []string) {
	w.t.Helper()
	round := time.Now().UnixNano()
	w.until("deliveries are refused", func() bool {
		disk.fill(w.t)
		id := fmt.Sprintf("full-%d-%d", round, len(accepted)+len(refused))
		switch status, header := w.deliverRaw(id, body); {
		case status == 202:
			accepted = append(accepted, id)
		case status == 503 && header.Get("Retry-After") != "":
			refused = append(refused, id)
		default:
			w.t.Errorf("%d %v", status, header)
		}
		return len(refused) >= 10 && seen()
	})
	return accepted, refused
}

// A first index that fills the disk fails with disk_full, harms nothing that was there,
// and finishes alone when there is room.
func TestDiskFullInIndex(t *testing.T) {
	t.Parallel()
	w, disk := diskWorld(t)
	app, big := w.ssh.InitRepo("acme/app.git"), w.ssh.InitRepo("acme/big.git")
	testssh.AddCommits(t, app, "main", 20, nil)
	testssh.AddCommits(t, big, "main", 20_000, nil)
	w.config(w.ssh.URL(app))
	w.mustStart()
	w.synced("app")
	if _, errs, code := w.run("repo", "add", w.ssh.URL(big), "--host", "git"); code != 0 {
		t.Fatalf("%d %s", code, errs)
	}
	w.until("the index runs", func() bool { return w.repos()["big"].State == "syncing" })
	disk.fill(t)
	w.until("the index fails", func() bool { return strings.Contains(w.logged(), `"code":"disk_full"`) })
	if r := w.repos()["app"]; r.LinkedCommits != 20 {
		t.Errorf("%+v", r)
	}
	disk.remove(t)
	began := time.Now()
	w.synced("big")
	t.Logf("recovered within %s", time.Since(began))
	w.sameLinks("big", big, "APP", "OPS")
	w.sameLinks("app", app, "APP", "OPS")
}

// logged is what the daemon has logged since its start.
func (w *world) logged() string {
	text, _ := os.ReadFile(w.log)
	return string(text)
}

// deliverRaw is deliver, with the header of the answer.
func (w *world) deliverRaw(id, body string) (int, http.Header) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.base+"/webhooks/github", strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("X-GitHub-Event", "push")
	req.Header.Set("X-GitHub-Delivery", id)
	req.Header.Set("X-Hub-Signature-256", hub(body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	res.Body.Close()
	return res.StatusCode, res.Header
}
