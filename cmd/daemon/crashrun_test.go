//go:build crashpoints

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/testssh"
)

// A crashRun is one trip through the scenario. What plays the host sends a delivery again
// only if it was not answered 2xx; what plays systemd starts a daemon that died.
type crashRun struct {
	*world
	repo   string   // folder of the repository
	kills  []string // ISSUETRAIL_CRASH_AT of the starts to come
	deaths int
	more   string // config lines besides those of issues
}

var crashRuns atomic.Int64

func newCrashRun(t *testing.T, server *testssh.Server, template string, kills ...string) *crashRun {
	t.Helper()
	r := &crashRun{world: newWorldOn(t, server), kills: kills}
	r.repo = filepath.Join(server.Root, fmt.Sprintf("run%d", crashRuns.Add(1)), "app.git")
	if err := os.CopyFS(r.repo, os.DirFS(template)); err != nil {
		t.Fatal(err)
	}
	r.head = "issues: {projects: [APP, OPS]}\n"
	r.config(server.URL(r.repo))
	return r
}

// revive starts the daemon if it is dead, with the next kill in store for it.
func (r *crashRun) revive() {
	for r.cmd == nil || r.dead() {
		if r.cmd != nil {
			r.deaths++
			r.stop(syscall.SIGKILL)
		}
		env := r.env
		if len(r.kills) > 0 {
			r.env, r.kills = append(slices.Clone(env), "ISSUETRAIL_CRASH_AT="+r.kills[0]), r.kills[1:]
		}
		r.start()
		r.env = env
	}
}

// try repeats do until it works, on a daemon that may die meanwhile.
func (r *crashRun) try(what string, do func() error) {
	r.t.Helper()
	var err error
	defer func() {
		if r.t.Failed() {
			r.t.Logf("last error of %q: %v", what, err)
		}
	}()
	r.until(what, func() bool {
		r.revive()
		err = do()
		return err == nil
	})
}

// send delivers a push as a host does: again, with the same id, until it was taken.
func (r *crashRun) send(id, hash string) {
	r.t.Helper()
	name := filepath.Base(filepath.Dir(r.repo)) + "/app"
	r.try("delivery "+id, func() error {
		status, answer := r.deliver(id, pushBody(name, "refs/heads/main", hash))
		if status/100 != 2 {
			return fmt.Errorf("%d %v", status, answer)
		}
		return nil
	})
}

// settled waits until the API shows what git has.
func (r *crashRun) settled(what string, projects ...string) {
	r.t.Helper()
	want := gitLinks(r.t, r.repo, projects...)
	r.try(what, func() error {
		got, err := r.listLinks()
		if err == nil && !slices.Equal(want, got) {
			err = fmt.Errorf("git has %d links, the API %d; missing %.4q, too many %.4q", len(want), len(got), minus(want, got), minus(got, want))
		}
		return err
	})
}

// scenario goes through all that changes the store, and checks each step.
func (r *crashRun) scenario() {
	r.t.Helper()
	r.settled("first index", "APP", "OPS")
	r.send("push", testssh.AddCommits(r.t, r.repo, "main", 1, func(int) string { return "APP-9001 pushed" }))
	r.settled("a pushed commit", "APP", "OPS")
	r.upheaval()
	r.send("upheaval", testssh.Git(r.t, r.repo, "rev-parse", "main"))
	r.settled("a force-push, a deleted and a renamed branch", "APP", "OPS")
	r.reload()
	r.settled("new rules", "APP", "OPS", "NEW")
	r.addAndRemove()
	r.try("an empty queue", r.idle)
	r.settled("the end", "APP", "OPS", "NEW")
	stored := 0
	for d, err := range r.api.Deliveries(context.Background(), "") {
		if stored++; err != nil || d.Status != "accepted" {
			r.t.Errorf("%+v %v", d, err)
		}
	}
	if stored != 2 {
		r.t.Errorf("2 deliveries were answered 2xx, %d are stored", stored)
	}
	if code := r.stop(syscall.SIGTERM); code != 0 {
		r.t.Errorf("exit status %d", code)
	}
}

// upheaval rewrites a branch, deletes one, renames OPS-1/x to OPS-1, all at once.
func (r *crashRun) upheaval() {
	base := testssh.Git(r.t, r.repo, "rev-parse", "main~50")
	testssh.Git(r.t, r.repo, "update-ref", "refs/heads/rewritten", base)
	testssh.AddCommits(r.t, r.repo, "rewritten", 2, func(i int) string { return fmt.Sprintf("APP-%d rewritten", 9100+i) })
	tip := testssh.Git(r.t, r.repo, "rev-parse", "OPS-1/x")
	testssh.GitInput(r.t, r.repo, strings.NewReader("delete refs/heads/OPS-1/x\ndelete refs/heads/feature/APP-3-x\n"), "update-ref", "--stdin")
	testssh.Git(r.t, r.repo, "update-ref", "refs/heads/OPS-1", tip)
}

// reload adds a project to the config. A daemon that is dead reads it at its start.
func (r *crashRun) reload() {
	r.revive()
	r.head = "issues: {projects: [APP, OPS, NEW]}\n" + r.more
	r.config(r.ssh.URL(r.repo))
	if !r.dead() {
		_ = r.cmd.Process.Signal(syscall.SIGHUP)
	}
}

// addAndRemove adds a repository by the API, has it synced, and removes it.
func (r *crashRun) addAndRemove() {
	r.t.Helper()
	dir := filepath.Join(filepath.Dir(r.repo), "second.git")
	if err := os.CopyFS(dir, os.DirFS(r.repo)); err != nil {
		r.t.Fatal(err)
	}
	url, ctx := r.ssh.URL(dir), context.Background()
	r.try("a repository is added", func() error {
		_, err := r.api.AddRepository(ctx, wire.NewRepository{URL: url, Host: "github"})
		if p, ok := errors.AsType[*wire.Problem](err); ok && p.Code == "repository_exists" {
			return nil
		}
		return err
	})
	var id string
	r.try("it is synced", func() error {
		repo, err := r.api.FindRepository(ctx, url)
		if id = repo.ID; err == nil && repo.LastSyncedAt.IsZero() {
			err = fmt.Errorf("state %s", repo.State)
		}
		return err
	})
	r.try("it is removed", func() error {
		err := r.api.DeleteRepository(ctx, id)
		if p, ok := errors.AsType[*wire.Problem](err); ok && p.Status == 404 {
			return nil
		}
		return err
	})
	r.try("nothing is left of it", func() error {
		issue, err := r.api.Issue(ctx, "APP-9001", true, 10, "")
		if err == nil && len(issue.Commits) != 1 {
			err = fmt.Errorf("%d commits", len(issue.Commits))
		}
		return err
	})
}

// idle says that no job waits or runs.
func (r *crashRun) idle() error {
	for _, state := range []string{"waiting", "running"} {
		n, err := r.readMetric(fmt.Sprintf("issuetrail_jobs{state=%q}", state))
		if err != nil || n > 0 {
			return fmt.Errorf("%v jobs are %s (%w)", n, state, err)
		}
	}
	return nil
}

// listLinks is apiLinks on a daemon that may die.
func (r *crashRun) listLinks() (list []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	repo, err := r.api.FindRepository(ctx, r.ssh.URL(r.repo))
	if err != nil {
		return nil, err
	}
	return r.linksOf(ctx, repo.ID)
}
