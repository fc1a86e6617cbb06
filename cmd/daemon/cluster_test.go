package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"issuetrail/internal/testpg"
	"issuetrail/internal/testssh"
)

// A watched sshd runs this for each session. It notes two sessions on one repository at
// the same time; one that ends may take half a second to do so.
const watchScript = `#!/bin/sh
place="$WATCH/$(echo "$SSH_ORIGINAL_COMMAND" | tr -c 'a-zA-Z0-9\n' _)"
n=0
until mkdir "$place" 2>/dev/null; do
	n=$((n+1))
	[ $n -gt 10 ] && { echo "$SSH_ORIGINAL_COMMAND" >>"$WATCH/overlaps"; break; }
	sleep 0.05
done
sleep 0.1
sh -c "$SSH_ORIGINAL_COMMAND"
rmdir "$place"
`

// watchedServer is an sshd and the file in which overlapping sessions are noted.
func watchedServer(t *testing.T) (server *testssh.Server, overlaps string) {
	t.Helper()
	dir := t.TempDir()
	script := filepath.Join(dir, "watch.sh")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nWATCH="+dir+"\n"+watchScript), 0o700); err != nil {
		t.Fatal(err)
	}
	return testssh.Start(t, testssh.Options{Config: []string{"ForceCommand " + script}}), filepath.Join(dir, "overlaps")
}

// postgresLines are the lines of a config on PostgreSQL.
func postgresLines(w *world, database string) string {
	w.write("master", strings.Repeat("0123456789abcdef", 4)+"\n")
	return fmt.Sprintf("database: {url: %q}\nkey: {file: key.pem, master_key_file: master}\n", database)
}

// node is a daemon of a cluster: a world of its own on the same database.
func node(t *testing.T, server *testssh.Server, database string, repos ...string) *world {
	t.Helper()
	w := newWorldOn(t, server)
	w.head += postgresLines(w, database)
	w.config(repos...)
	return w
}

// Two nodes, pushes told to either or to both, one node killed in the middle: every
// link appears, once, and no repository is ever synced by two at a time.
func TestCluster(t *testing.T) {
	t.Parallel()
	server, overlaps := watchedServer(t)
	slow := newProxy(t, server.HostPort(), -1)
	var dirs, urls []string
	for i := range 20 {
		dirs = append(dirs, server.InitRepo(fmt.Sprintf("acme/r%d.git", i)))
		testssh.AddCommits(t, dirs[i], "main", 5, func(c int) string { return fmt.Sprintf("APP-%d of %d", c+1, i) })
		urls = append(urls, server.URL(dirs[i]))
	}
	urls[0] = slow.url(server, dirs[0])
	database := testpg.New(t)
	a := node(t, server, database, urls...)
	b := node(t, server, database, urls...)
	for _, w := range []*world{a, b} {
		w.write("known_hosts", server.KnownHosts()+slow.known(server))
	}
	a.mustStart()
	for i := range dirs {
		a.synced(fmt.Sprintf("r%d", i))
	}
	slow.turn("", 0)
	hash := testssh.AddCommits(t, dirs[0], "main", 1, func(int) string { return "OPS-900 of the node that dies" })
	a.deliver("slow", pushBody("acme/r0", "refs/heads/main", hash))
	<-slow.stuck // a has the job
	b.mustStart()
	for i := 1; i < 13; i++ {
		tellBoth(t, a, b, dirs[i], i)
	}
	a.kill()
	slow.turn(server.HostPort(), -1)
	for i := 13; i < len(dirs); i++ {
		b.push(dirs[i], fmt.Sprintf("acme/r%d", i), fmt.Sprintf("OPS-%d", i))
	}
	for i, dir := range dirs[1:] {
		b.until(fmt.Sprintf("OPS-%d is linked", i+1), func() bool { return b.linked(fmt.Sprintf("OPS-%d", i+1), testssh.Git(t, dir, "rev-parse", "main")) })
	}
	b.until("the dead node's job is taken over", func() bool { return b.linked("OPS-900", hash) })
	b.until("no job is left", func() bool {
		return b.metric(`issuetrail_jobs{state="waiting"}`)+b.metric(`issuetrail_jobs{state="running"}`) == 0
	})
	for i, dir := range dirs {
		b.sameLinks(fmt.Sprintf("r%d", i), dir, "APP", "OPS")
	}
	if text, err := os.ReadFile(overlaps); err == nil {
		t.Errorf("two sessions on one repository at a time:\n%s", text)
	}
}

// tellBoth pushes to repository i and tells both nodes, one or the other first: the second
// knows the delivery already.
func tellBoth(t *testing.T, a, b *world, dir string, i int) {
	t.Helper()
	hash := testssh.AddCommits(t, dir, "main", 1, func(int) string { return fmt.Sprintf("OPS-%d", i) })
	if i%2 == 1 {
		a, b = b, a
	}
	body, id := pushBody(fmt.Sprintf("acme/r%d", i), "refs/heads/main", hash), fmt.Sprintf("push-%d", i)
	if status, answer := a.deliver(id, body); status != 202 {
		t.Errorf("first node: %d %v", status, answer)
	}
	if status, answer := b.deliver(id, body); status != 200 || answer["reason"] != "seen before" {
		t.Errorf("second node: %d %v", status, answer)
	}
}

// Two nodes compute the same ticks; each tick is one sync.
func TestClusterTicks(t *testing.T) {
	t.Parallel()
	server, overlaps := watchedServer(t)
	dir := server.InitRepo("acme/app.git")
	testssh.AddCommits(t, dir, "main", 2, nil)
	database := testpg.New(t)
	repo := fmt.Sprintf("{url: %q, host: github, schedule: \"@every 10s\"}", server.URL(dir))
	a, b := node(t, server, database, repo), node(t, server, database, repo)
	a.mustStart()
	b.mustStart()
	a.synced("app")
	ticks := func() float64 {
		const name = "issuetrail_sync_duration_seconds_count"
		return a.metric(name) + b.metric(name)
	}
	tick := func() {
		planned := a.repos()["app"].NextSyncAt
		a.until("a tick", func() bool { r := a.repos()["app"]; return r.NextSyncAt.After(planned.Time) && r.State == "idle" })
	}
	tick()
	before := ticks()
	tick()
	tick()
	if n := ticks() - before; n != 2 {
		t.Errorf("2 ticks made %v syncs", n)
	}
	if text, err := os.ReadFile(overlaps); err == nil {
		t.Errorf("two sessions on one repository at a time:\n%s", text)
	}
}
