package main

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/testssh"
)

// push commits to a repository, delivers, and gives the time until the link was there.
func (w *world) push(dir, name, key string) time.Duration {
	w.t.Helper()
	hash := testssh.AddCommits(w.t, dir, "main", 1, func(int) string { return key + " pushed" })
	began := time.Now()
	if status, answer := w.deliver(key, pushBody(name, "refs/heads/main", hash)); status != 202 {
		w.t.Errorf("%s: %d %v", key, status, answer)
	}
	w.until(key+" is linked", func() bool { return w.linked(key, hash) })
	return time.Since(began)
}

// prompt pushes to the healthy repository n times; none may take longer than a second.
func (w *world) prompt(dir, name string, from, n int) {
	w.t.Helper()
	for i := range n {
		if took := w.push(dir, name, fmt.Sprintf("APP-%d", from+i)); took > time.Second {
			w.t.Errorf("push %d was linked after %s", i, took)
		}
	}
}

// fails waits until a repository has failed, and checks how; state "" is any.
func (w *world) fails(name, state string, codes ...string) {
	w.t.Helper()
	w.until(name+" has failed", func() bool { return w.repos()[name].LastError != nil })
	r := w.repos()[name]
	e := r.LastError
	if state != "" && r.State != state && r.State != "queued" && r.State != "syncing" {
		w.t.Errorf("%s: state %s", name, r.State)
	}
	for _, code := range codes {
		if e.Code == code {
			return
		}
	}
	w.t.Errorf("%s: code %s (%s; %s), want %v", name, e.Code, e.Detail, e.Hint, codes)
}

// Servers that never speak, or stop in mid handshake, fail within the limit of
// 15 s, delay nobody and leave no goroutine behind.
func TestSilentServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	dir := w.ssh.InitRepo("acme/healthy.git")
	testssh.AddCommits(t, dir, "main", 3, nil)
	mute, half, shut := newProxy(t, "", 0), newProxy(t, w.ssh.HostPort(), 700), newProxy(t, "127.0.0.1:1", 0)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	w.synced("healthy")
	w.prompt(dir, "acme/healthy", 100, 1)
	before := w.metric("go_goroutines")
	for name, p := range map[string]*proxy{"mute": mute, "half": half, "shut": shut} {
		if out, errs, code := w.run("repo", "add", p.url(w.ssh, "/srv/"+name+".git"), "--host", "git"); code != 0 {
			t.Fatalf("%d %s%s", code, out, errs)
		}
	}
	began := time.Now()
	<-mute.stuck
	<-half.stuck
	w.prompt(dir, "acme/healthy", 200, 5)
	w.fails("mute", "failing", "timeout")
	w.fails("half", "failing", "timeout")
	w.fails("shut", "failing", "unreachable")
	if took := time.Since(began); took < 10*time.Second || took > 25*time.Second {
		t.Errorf("the handshake was given up after %s, want 15 s", took)
	}
	for name := range map[string]bool{"mute": true, "half": true, "shut": true} {
		if out, errs, code := w.run("repo", "suspend", w.repos()[name].ID); code != 0 {
			t.Fatalf("%d %s%s", code, out, errs)
		}
	}
	w.until("no goroutine is left over", func() bool { return w.metric("go_goroutines") <= before+2 })
	w.prompt(dir, "acme/healthy", 300, 1)
}

// More silent servers than there are workers do not keep the others from their turn for
// as long as they are waited for.
func TestManySilentServers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	w.head += "sync: {workers: 2, allow_addresses: [127.0.0.0/8]}\n"
	dir := w.ssh.InitRepo("acme/healthy.git")
	testssh.AddCommits(t, dir, "main", 3, nil)
	w.config(w.ssh.URL(dir))
	w.mustStart()
	w.synced("healthy")
	var silent []*proxy
	for i := range 5 {
		silent = append(silent, newProxy(t, "", 0))
		if _, errs, code := w.run("repo", "add", silent[i].url(w.ssh, "/srv/mute.git"), "--host", "git"); code != 0 {
			t.Fatalf("%d %s", code, errs)
		}
	}
	<-silent[0].stuck
	<-silent[1].stuck
	for i := range 3 {
		if took := w.push(dir, "acme/healthy", fmt.Sprintf("APP-%d", 100+i)); took > 10*time.Second {
			t.Errorf("push %d was linked after %s", i, took)
		}
	}
}

// Servers that fall silent in mid list and in mid pack hold one worker each, nobody else,
// and the daemon can still stop. What they sent so far is not shown.
func TestStalledTransfers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testssh.Options{})
	dir, refs, pack := w.ssh.InitRepo("acme/healthy.git"), w.ssh.InitRepo("acme/list.git"), w.ssh.InitRepo("acme/pack.git")
	testssh.AddCommits(t, dir, "main", 3, nil)
	testssh.AddCommits(t, refs, "main", 1, func(int) string { return "OPS-1 hidden" })
	manyBranches(t, refs, 4000)
	testssh.AddCommits(t, pack, "main", 6000, func(i int) string { return fmt.Sprintf("OPS-%d hidden", i+1) })
	inList, inPack := newProxy(t, w.ssh.HostPort(), 60_000), newProxy(t, w.ssh.HostPort(), 300_000)
	w.write("known_hosts", w.ssh.KnownHosts()+inList.known(w.ssh)+inPack.known(w.ssh))
	w.config(w.ssh.URL(dir), inList.url(w.ssh, refs), inPack.url(w.ssh, pack))
	w.mustStart()
	w.synced("healthy")
	<-inList.stuck
	<-inPack.stuck
	w.prompt(dir, "acme/healthy", 100, 10)
	for _, name := range []string{"list", "pack"} {
		if r := w.repos()[name]; r.State != "syncing" || r.LinkedCommits != 0 {
			t.Errorf("%+v", r)
		}
	}
	if n := len(w.issue("OPS-1").Commits); n > 0 {
		t.Errorf("%d commits of an unfinished fetch are shown", n)
	}
	began := time.Now()
	if code := w.stop(syscall.SIGTERM); code != 0 || time.Since(began) > 15*time.Second {
		t.Errorf("exit status %d after %s", code, time.Since(began))
	}
	// The servers mend, the daemon finishes what it began.
	inList.turn(w.ssh.HostPort(), -1)
	inPack.turn(w.ssh.HostPort(), -1)
	w.mustStart()
	w.synced("list")
	w.synced("pack")
	w.sameLinks("list", refs, "APP", "OPS")
	w.sameLinks("pack", pack, "APP", "OPS")
}
