package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"issuetrail/internal/testssh"
)

// A gerritStream is an sshd whose `gerrit stream-events` prints what the test writes, until the
// test hangs up.
type gerritStream struct {
	*world
	pipe string
	end  *os.File // open while the daemon listens
}

func newGerritStream(t *testing.T) (g *gerritStream, dir string) {
	t.Helper()
	g = &gerritStream{pipe: filepath.Join(t.TempDir(), "events")}
	if err := syscall.Mkfifo(g.pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	s := namedSSH(t, testssh.Options{}, `"gerrit stream-events"*) exec cat `+g.pipe+` ;;`)
	g.world = newWorldOn(t, s)
	dir = s.InitRepo("acme/app.git")
	testssh.AddCommits(t, dir, "main", 1, nil)
	g.hostsConfig([]string{fmt.Sprintf("{name: gerrit, kind: gerrit, stream_events: \"ssh://%s@%s\"}", s.User(), s.HostPort())},
		[]string{repoEntry(namedURL(s, "acme/app"), "gerrit")})
	return g, dir
}

// listens waits until the daemon runs the command.
func (g *gerritStream) listens() {
	g.t.Helper()
	g.until("the daemon listens to the events", func() (ok bool) {
		end, err := os.OpenFile(g.pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		g.end = end
		return err == nil
	})
}

// hangsUp ends the command, and waits until nobody reads from it.
func (g *gerritStream) hangsUp() {
	g.t.Helper()
	g.end.Close()
	g.until("the command has ended", func() bool {
		end, err := os.OpenFile(g.pipe, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			end.Close()
		}
		return errors.Is(err, syscall.ENXIO)
	})
}

func (g *gerritStream) says(line string) {
	g.t.Helper()
	if _, err := fmt.Fprintln(g.end, line); err != nil {
		g.t.Fatal(err)
	}
}

// updated is Gerrit's event of a ref that moved.
func updated(ref, hash string) string {
	return fmt.Sprintf(`{"submitter":{"name":"D"},"refUpdate":{"oldRev":"%040d","newRev":%q,"refName":%q,"project":"acme/app"},"type":"ref-updated","eventCreatedOn":1700000000}`, 0, hash, ref)
}

// Pushes that `gerrit stream-events` tells of are linked; when the connection drops, the daemon
// connects again and fetches what it was not told.
func TestGerritStreamEvents(t *testing.T) {
	t.Parallel()
	g, dir := newGerritStream(t)
	g.mustStart()
	g.synced("app")
	g.listens()
	first := testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-51 told" })
	g.says(updated("refs/heads/main", first))
	g.until("the push is linked", func() bool { return g.linked("APP-51", first) })

	g.says(`{"type":"ref-updated","refUpdate":[`)
	g.says(`{"type":"dropped-output"}`)
	g.says(strings.Repeat("x", 100_000))
	second := testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-52 after lines of no sense" })
	g.says(updated("refs/heads/main", second))
	g.until("the next push is linked", func() bool { return g.linked("APP-52", second) })

	missed := testssh.AddCommits(t, dir, "main", 1, func(int) string { return "APP-53 while nobody listened" })
	g.hangsUp()
	g.listens()
	g.until("what was missed is fetched", func() bool { return g.linked("APP-53", missed) })
	last := testssh.AddCommits(t, dir, "feature/OPS-54", 1, func(int) string { return "on a branch" })
	g.says(updated("refs/heads/feature/OPS-54", last))
	g.until("it goes on", func() bool { return len(g.issue("OPS-54").Branches) == 1 })
	g.end.Close()
}

// A site that has stream-events needs no webhook: without a secret its address refuses all.
func TestGerritStreamWithoutWebhook(t *testing.T) {
	t.Parallel()
	g, _ := newGerritStream(t)
	g.mustStart()
	if status, _ := g.send("gerrit", updated("refs/heads/main", strings.Repeat("a", 40))); status != 401 {
		t.Errorf("%d", status)
	}
	g.listens()
	g.end.Close()
}
