package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/testssh"
)

// An idle daemon ends within 5 s of SIGTERM, connections held and all.
func TestTermIdle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	dir := w.ssh.InitRepo("acme/app.git")
	testssh.AddCommits(t, dir, "main", 3, nil)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	w.synced("app")
	began := time.Now()
	if code := w.stop(syscall.SIGTERM); code != 0 || time.Since(began) > 5*time.Second {
		t.Errorf("exit status %d after %s", code, time.Since(began))
	}
	if left, _ := filepath.Glob(filepath.Join(w.dir, "data", "tmp", "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// SIGTERM in the middle of a first index, a stalled fetch and a stream of deliveries:
// exit 0 within 30 s, and what was answered 2xx is processed after the next start.
func TestTermUnderLoad(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	app, big, stuck := w.ssh.InitRepo("acme/app.git"), w.ssh.InitRepo("acme/big.git"), newProxy(t, "", 0)
	testssh.AddCommits(t, app, "main", 3, nil)
	testssh.AddCommits(t, big, "main", 60_000, nil)
	w.config(w.ssh.URL(app))
	w.mustStart()
	w.synced("app")
	for _, url := range []string{stuck.url(w.ssh, "/srv/stuck.git"), w.ssh.URL(big)} {
		if _, errs, code := w.run("repo", "add", url, "--host", "git"); code != 0 {
			t.Fatalf("%d %s", code, errs)
		}
	}
	<-stuck.stuck
	accepted, senders, stop := w.senders(4, "acme/app", testssh.Git(t, app, "rev-parse", "main"))
	w.until("deliveries flow and the index runs", func() bool {
		p := w.repos()["big"].Progress
		return accepted() > 50 && p != nil && p.Commits > 0
	})
	last := testssh.AddCommits(t, app, "main", 1, func(int) string { return "APP-77 at the last moment" })
	status, _ := w.deliver("last", pushBody("acme/app", "refs/heads/main", last))
	began := time.Now()
	code := w.stop(syscall.SIGTERM)
	close(stop)
	senders.Wait()
	if took := time.Since(began); status != 202 || code != 0 || took > 30*time.Second {
		t.Errorf("delivery %d, exit status %d after %s", status, code, took)
	}
	w.mustStart()
	if n := int(w.metric("issuetrail_deliveries_stored")); n < accepted()+1 {
		t.Errorf("%d deliveries were answered 202, %d are stored", accepted()+1, n)
	}
	w.until("the last delivery is processed", func() bool { return w.linked("APP-77", last) })
	w.synced("big")
	w.sameLinks("big", big, "APP", "OPS")
}

// senders send deliveries until stop is closed, each with an id of its own, and count
// those answered 202.
func (w *world) senders(n int, name, hash string) (accepted func() int, running *sync.WaitGroup, stop chan struct{}) {
	var mu sync.Mutex
	count := 0
	running, stop = &sync.WaitGroup{}, make(chan struct{})
	for s := range n {
		running.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				if status, _ := w.deliver(fmt.Sprintf("%d-%d", s, i), pushBody(name, "refs/heads/main", hash)); status == 202 {
					mu.Lock()
					count++
					mu.Unlock()
				}
			}
		})
	}
	return func() int { mu.Lock(); defer mu.Unlock(); return count }, running, stop
}

// hup sends SIGHUP and waits for the outcome to be counted.
func (w *world) hup(result string) {
	w.t.Helper()
	name := fmt.Sprintf("issuetrail_reloads_total{result=%q}", result)
	before := w.metric(name)
	_ = w.cmd.Process.Signal(syscall.SIGHUP)
	w.until("a reload is "+result, func() bool { return w.metric(name) > before })
}

// SIGHUP: a bad config changes nothing; new rules make the links anew from the store, though
// no server can be reached; a repository that leaves the file is suspended.
func TestReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	app, other := w.ssh.InitRepo("acme/app.git"), w.ssh.InitRepo("acme/other.git")
	testssh.AddCommits(t, app, "main", 40, func(i int) string { return fmt.Sprintf("APP-%d NEW-%d OLD-%d", i+1, i+1, i+1) })
	testssh.Git(t, app, "branch", "NEW-7-x", "main~3")
	testssh.AddCommits(t, other, "main", 2, nil)
	w.config(w.ssh.URL(app), w.ssh.URL(other))
	w.mustStart()
	w.synced("app")
	w.synced("other")
	w.ssh.Stop()
	good, err := os.ReadFile(filepath.Join(w.dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("config.yaml", string(good)+"sink: {}\n")
	w.hup("failed")
	w.sameLinks("app", app, "APP", "OPS")

	w.head = "issues: {projects: [APP, NEW]}\n"
	w.config(w.ssh.URL(app), w.ssh.URL(other))
	w.hup("done")
	w.until("the new project is linked", func() bool { return len(w.issue("NEW-40").Commits) == 1 && len(w.issue("NEW-7").Branches) == 1 })
	w.until("the relink is done", func() bool { return w.repos()["app"].State == "idle" })
	w.sameLinks("app", app, "APP", "NEW")

	w.head = "issues: {projects: [NEW], aliases: {OLD: CORE}}\n"
	w.config(w.ssh.URL(app))
	w.hup("done")
	w.until("the alias is linked", func() bool { return len(w.issue("CORE-40").Commits) == 1 })
	w.until("the old project is gone", func() bool { return len(w.issue("APP-40").Commits) == 0 })
	if r := w.repos()["other"]; r.State != "suspended" || !r.Suspended || r.LinkedCommits == 0 {
		t.Errorf("a repository that left the file: %+v", r)
	}
	if r := w.synced("app"); r.LastError != nil {
		t.Errorf("a relink reached for the server: %+v", r)
	}
	if status, a := w.deliver("x", pushBody("acme/other", "refs/heads/main", fmt.Sprintf("%040d", 1))); status != 200 || a["reason"] != "suspended" {
		t.Errorf("a delivery for a suspended repository: %d %v", status, a)
	}
}

// A SIGHUP as soon as the daemon can be asked is a reload, not its end.
func TestEarlyReload(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.config()
	for range 5 {
		w.mustStart()
		w.hup("done")
		w.stop(syscall.SIGTERM)
	}
}

// A second daemon on the same folder is told so, and harms nothing.
func TestSecondDaemon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.config()
	w.mustStart()
	out, errs, code := w.run("serve")
	if code != 1 || !strings.Contains(errs, "another issuetrail daemon uses") {
		t.Errorf("%d %s%s", code, out, errs)
	}
	w.until("the first one answers", func() bool { status, _ := w.post("/webhooks/nobody", "", nil); return status == 404 })
	if _, _, code := w.run("repo", "list"); code != 0 {
		t.Error("the control socket of the first one is gone")
	}
}

// A bad config exits 78 and lists every problem, with its line.
func TestBadConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.config(`{url: "http://github.com/acme/app.git", host: github}`, `{url: "git@github.com:acme/b.git", schedule: "61 * * * *"}`)
	text, err := os.ReadFile(filepath.Join(w.dir, "config.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("config.yaml", strings.Replace(string(text), "data_dir: data", "data_dirr: data", 1))
	for _, command := range []string{"serve", "check"} {
		out, errs, code := w.run(command)
		for _, want := range []string{"config.yaml:1", "data_dirr", "data_dir", "http:// would show", "61 * * * *"} {
			if !strings.Contains(out+errs, want) {
				t.Errorf("%s does not say %q:\n%s%s", command, want, out, errs)
			}
		}
		if code != 78 {
			t.Errorf("%s: exit status %d", command, code)
		}
	}
}

// Secrets that others can read are refused, each one named, and never repeated.
func TestOpenSecrets(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"secret", "key.pem"} {
		w := newWorld(t, testssh.Options{})
		w.config()
		if err := os.Chmod(filepath.Join(w.dir, file), 0o644); err != nil {
			t.Fatal(err)
		}
		out, errs, code := w.run("serve")
		if code != 78 || !strings.Contains(errs, file) || !strings.Contains(errs, "chmod") || strings.Contains(errs+out, secretText) {
			t.Errorf("%s: exit status %d: %s%s", file, code, out, errs)
		}
	}
}
