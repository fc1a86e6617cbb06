package store

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"issuetrail/internal/model"
)

// keysOfRepos gives the address keys and names of all repos.
func keysOfRepos(t testing.TB, s *Store) (list []string) {
	t.Helper()
	ok(t, s.db.read(t.Context(), func(x *tx) error {
		return x.each(`SELECT id, address_key, name, match_name, server FROM repo ORDER BY id`, nil, func(rows *sql.Rows) error {
			var id int64
			var key, name, word, server string
			err := rows.Scan(&id, &key, &name, &word, &server)
			list = append(list, fmt.Sprint(id, " ", key, " ", name, " ", word, " ", server))
			return err
		})
	}))
	return list
}

// A database of version 3 has keys of the old kind, and no ids.
func TestADatabaseOfVersion3IsTakenOver(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		db, d := rawDatabase(t, b)
		p, err := provider(db, d)
		ok(t, err)
		must(p.UpTo(t.Context(), 3))(t)
		for _, r := range [][]any{
			{"example.com:22/Acme/App", "git@example.com:Acme/App.git", "example.com:22", "Acme/App", "config"},
			{"ssh.example.com:443/acme/lib", "ssh://git@ssh.example.com:443/acme/lib.git", "ssh.example.com:443", "acme/lib", "config"},
			{"ssh.example.com:443/acme/app", "ssh://git@ssh.example.com:443/acme/app.git", "ssh.example.com:443", "acme/app", "api"},
		} {
			_, err := db.ExecContext(t.Context(), `INSERT INTO repo (address_key, url, server, host, name, match_path, match_name, schedule, mirror, projects, source, created_at)
				VALUES ($1,$2,$3,'h',$4,'x','x','','commits','[]',$5,1)`, r...)
			ok(t, err)
		}
		for _, q := range []string{
			`INSERT INTO job (repo_id, priority, fetches, run_at, created_at) VALUES (1, 20, 1, 1, 1)`,
			`INSERT INTO delivery (host, host_id, received_at, status, reason, repositories, push, body_size) VALUES ('h', 'd1', 1, 'accepted', '', '["Acme/App"]', '{"RepoName":"Acme/App"}', 0)`,
		} {
			_, err := db.ExecContext(t.Context(), q)
			ok(t, err)
		}
		ok(t, db.Close())

		b.knowHosts()
		core, logs := observer.New(zap.DebugLevel)
		b.opts.Log = zap.New(core)
		s := b.open()
		if j := claimJob(t, s); j.RepoID != 1 || j.Repo.HostID != "" || j.Repo.MovedTo != "" {
			t.Errorf("claimed %+v", j)
		}
		app, lib := spec, spec
		app.URL, lib.URL = "git@example.com:Acme/App.git", "git@example.com:acme/lib.git" // in another form than before
		for range 2 {
			ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{app, lib}))
		}
		want := []string{
			"1 example.com:22/acme/app Acme/App acme/app example.com:22",
			"2 example.com:22/acme/lib acme/lib acme/lib example.com:22",
			"3 ssh.example.com:443/acme/app acme/app x ssh.example.com:443", // is the first one, too: it stays as it is
		}
		if got := keysOfRepos(t, s); !cmp.Equal(got, want) {
			t.Errorf("repos are %q, want %q", got, want)
		}
		if n := logs.FilterMessageSnippet("two repositories are one").Len(); n != 1 {
			t.Errorf("it is logged %d times, want once", n)
		}
		for id := range int64(3) {
			if r := must(s.Repo(t.Context(), id+1))(t); r.Suspended {
				t.Errorf("%s is suspended", r.URL)
			}
		}
		deliver(t, s, at("1", "acme/app"))
		must(s.Redeliver(t.Context(), "1"))(t)
		wantRepo(t, s, 1, "git@example.com:Acme/App.git Acme/App id=1 moved=")
		// When the one is gone, the other gets its key.
		ok(t, s.DeleteRepo(t.Context(), 1))
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{lib}))
		if got := keysOfRepos(t, s); !strings.Contains(fmt.Sprint(got), "3 example.com:22/acme/app acme/app acme/app ssh.example.com:443") {
			t.Errorf("repos are %q", got)
		}
	})
}

// rawDatabase opens the database of a bed without a store.
func rawDatabase(t *testing.T, b *bed) (*sql.DB, *dialect) {
	t.Helper()
	if b.opts.URL == "" {
		return must(sql.Open("sqlite", liteDSN(filepath.Join(b.opts.DataDir, databaseFile))))(t), sqliteDialect
	}
	return stdlib.OpenDB(*must(pgx.ParseConfig(b.opts.URL))(t)), postgresDialect
}

// A host that gets another kind, or another name, in the config keeps its repos.
func TestAReloadThatChangesTheHostKeepsItsRepos(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		same := b.opts.Identify
		plain := true // of the entry "h"
		b.opts.Identify = func(host string, a model.Address) model.Identity {
			if plain && host == "h" {
				return a.Identity()
			}
			return same(host, a)
		}
		s := b.open()
		sp := spec
		sp.URL = "git@example.com:Acme/Old.git"
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{sp}))
		deliver(t, s, at("1", "Acme/Old"))
		deliver(t, s, renamed("1", "Acme/Old", "Acme/New"))
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{sp}))
		wantRepo(t, s, 1, "git@example.com:Acme/New.git Acme/New id=1 moved=")
		plain = false
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{sp}))
		wantRepo(t, s, 1, "git@example.com:Acme/New.git Acme/New id=1 moved=")
		if r := must(s.FindRepo(t.Context(), "git@example.com:ACME/old"))(t); r.ID != 1 {
			t.Errorf("by its old address: %+v", r)
		}
		plain, sp.Host = true, "renamed"
		ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{sp}))
		wantRepo(t, s, 1, "git@example.com:Acme/New.git Acme/New id= moved=") // an id is that of one entry
		if got := keysOfRepos(t, s); len(got) != 1 || !strings.HasPrefix(got[0], "1 example.com:22/acme/new ") {
			t.Errorf("repos are %q", got)
		}
		d := must(s.Accept(t.Context(), model.Delivery{Host: "renamed", Push: at("1", "acme/new")}))(t)
		wantDelivery(t, d, model.DeliveryAccepted, "", "Acme/New")
		wantRepo(t, s, 1, "git@example.com:Acme/New.git Acme/New id=1 moved=")
	})
}

// What a delivery teaches is there with the delivery, or neither is.
func TestADeliveryIsKilledAsAWhole(t *testing.T) {
	onHost(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/old").ID
		deliver(t, s, at("1", "acme/old"))
		idle(t, s)
		push := renamed("1", "acme/old", "acme/new")
		push.DeliveryID = "once"
		push.PullRequest = &model.PullRequest{Number: 1, Title: "APP-1", Status: model.PullRequestOpen}
		before := countRows(t, s, "delivery")
		for _, late := range []bool{false, true} {
			var names []string
			whole := s.db
			s.db = &killing{whole, 1, late, &names}
			_, err := s.Accept(context.Background(), model.Delivery{Host: "h", Push: push})
			wantErr(t, err, errKilled)
			s.db = whole
			n := int(flag(late))
			want := map[bool]string{false: "acme/old", true: "acme/new"}[late]
			if r := must(s.Repo(t.Context(), repo))(t); r.Name != want || countRows(t, s, "delivery") != before+n || countRows(t, s, "job") != n ||
				countRows(t, s, "repo_alias") != n || countRows(t, s, "pull_request") != n || len(issue(t, s, "APP-1").PullRequests) != n {
				t.Errorf("after %q (%v): %+v", names, late, r)
			}
		}
		d := deliver(t, s, push)
		wantDelivery(t, d, model.DeliveryIgnored, "seen before")
	})
}

// TestARepoOlderThanItsEntry: what was added by hand before the hosts entry was configured would
// else never hear a delivery of it.
func TestARepoOlderThanItsEntry(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		entry := "git"
		b.opts.Belongs = func(host string, _ model.Address) string {
			if host == "git" {
				return entry
			}
			return host
		}
		s := b.open()
		early := spec
		early.Host = "git"
		repo := must(s.AddRepo(t.Context(), early))(t)
		other := early
		other.Host, other.URL = "chosen", "git@example.com:acme/other.git"
		must(s.AddRepo(t.Context(), other))(t)
		ok(t, s.DeclareRepos(t.Context(), nil))
		push := model.Delivery{Host: "gl", Push: model.Push{Event: "push", RepoID: "7", RepoName: repo.Name, URLs: []string{early.URL}}}
		if d := must(s.Accept(t.Context(), push))(t); d.Status != model.DeliveryIgnored {
			t.Fatalf("before: %+v", d)
		}
		entry = "gl"
		ok(t, s.DeclareRepos(t.Context(), nil))
		if d := must(s.Accept(t.Context(), push))(t); d.Status != model.DeliveryAccepted {
			t.Errorf("after: %+v", d)
		}
		for id, want := range map[int64]string{repo.ID: "gl", repo.ID + 1: "chosen"} {
			if got := must(s.Repo(t.Context(), id))(t); got.Host != want {
				t.Errorf("%s belongs to %s, want %s", got.Name, got.Host, want)
			}
		}
	})
}
