//go:build crashpoints

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/testpg"
	"issuetrail/internal/testssh"
)

// Wherever the process is killed: what was answered 2xx is processed after the
// restart without being sent again, and the links equal git's.
func TestCrashPoints(t *testing.T) {
	server := testssh.Start(t, testssh.Options{})
	template := crashTemplate(t, server)
	points := recordPoints(t, server, template)
	t.Logf("%d points", len(points))
	for name, n := range points {
		hits := []int{1, 2, n}
		slices.Sort(hits)
		for _, hit := range slices.Compact(hits) {
			if hit > n {
				continue
			}
			at := fmt.Sprintf("%s:%d", name, hit)
			t.Run(at, func(t *testing.T) {
				t.Parallel()
				r := newCrashRun(t, server, template, at)
				r.scenario()
				if r.deaths == 0 && hit == 1 {
					t.Errorf("the process was never killed")
				}
			})
		}
	}
}

// A second kill while the first one is recovered from does no harm either.
func TestCrashInRecovery(t *testing.T) {
	server := testssh.Start(t, testssh.Options{})
	template := crashTemplate(t, server)
	for _, first := range []string{"sync.batch:1", "sync.fetched:1", "store.record.commit:1", "store.accept.done:1", "sync.relinked:1", "store.purge.done:1"} {
		for _, second := range []string{"store.claim.done:1", "store.enqueue.commit:1", "sync.batch:1", "sync.worked:1"} {
			t.Run(first+" "+second, func(t *testing.T) {
				t.Parallel()
				newCrashRun(t, server, template, first, second).scenario()
			})
		}
	}
}

// On PostgreSQL the dead process's lease must end first; all else is the same.
func TestCrashOnPostgres(t *testing.T) {
	server := testssh.Start(t, testssh.Options{})
	template := crashTemplate(t, server)
	for _, at := range []string{"sync.batch:1", "store.record.commit:1", "store.record_refs.done:1", "store.accept.done:1", "store.claim.done:2", "sync.relinked:1"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newCrashRun(t, server, template, at)
			r.more = postgresLines(r.world, testpg.New(t))
			r.head += r.more
			r.config(server.URL(r.repo))
			r.scenario()
			if r.deaths == 0 {
				t.Errorf("the process was never killed")
			}
		})
	}
}

// crashTemplate makes the repository that each run gets a copy of: history of more
// than one batch, branches and tags.
func crashTemplate(t *testing.T, server *testssh.Server) string {
	dir := server.InitRepo("template/app.git")
	testssh.AddCommits(t, dir, "main", 2100, func(i int) string {
		if i%7 > 0 {
			return fmt.Sprintf("commit %d", i)
		}
		return fmt.Sprintf("APP-%d and NEW-%d: commit %d", i/3+1, i+1, i)
	})
	testssh.AddCommits(t, dir, "OPS-1/x", 3, func(i int) string { return fmt.Sprintf("OPS-%d on its own", i+5) })
	testssh.AddCommits(t, dir, "rewritten", 4, func(i int) string { return fmt.Sprintf("OPS-%d soon gone", i+50) })
	var refs strings.Builder
	for i := range 120 {
		fmt.Fprintf(&refs, "create refs/heads/feature/APP-%d-x %s\n", i+1, testssh.Git(t, dir, "rev-parse", fmt.Sprintf("main~%d", i)))
	}
	testssh.GitInput(t, dir, strings.NewReader(refs.String()), "update-ref", "--stdin")
	for i := range 10 {
		testssh.Git(t, dir, "tag", "-a", "-m", "release", fmt.Sprintf("v%d", i), fmt.Sprintf("main~%d", 100*i))
	}
	return dir
}

// recordPoints runs the scenario without a kill and counts the hits of each point.
func recordPoints(t *testing.T, server *testssh.Server, template string) map[string]int {
	r := newCrashRun(t, server, template)
	file := filepath.Join(r.dir, "points")
	r.env = []string{"ISSUETRAIL_CRASH_LOG=" + file}
	r.scenario()
	r.kill()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	points := map[string]int{}
	for name := range strings.FieldsSeq(string(text)) {
		points[name]++
	}
	return points
}
