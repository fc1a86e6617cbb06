package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/model"
)

func TestIssuesAreListedNewestFirst(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		var commits []model.BatchCommit
		var tip model.Hash
		for i := range 40 {
			c := commit(fmt.Sprintf("APP-%d X-%d of %d", i%7, i%3, i), int64(i/4), tip)
			if i == 0 {
				c = commit("APP-0 X-0 of 0", 0)
			}
			commits, tip = append(commits, c), c.Hash
		}
		slices.Reverse(commits)
		record(t, s, syncJob(t, s, repo), commits, map[string]model.Hash{"refs/heads/main": tip, "refs/heads/APP-99": tip})
		want := []string{"APP-99 0 1", "APP-1 6 0", "APP-2 6 0", "APP-3 6 0", "APP-4 6 0", "APP-0 6 0", "APP-5 5 0", "APP-6 5 0"}
		for _, c := range []struct {
			prefix string
			want   []string
		}{
			{"APP-", want},
			{"X", []string{"X-0 14 0", "X-1 13 0", "X-2 13 0"}},
			{"APP-9", want[:1]},
			{"APP-1", want[1:2]},
			{"NONE", nil},
		} {
			for _, limit := range []int{1, 3, 100} {
				var got []string
				for cur := ""; ; {
					page, next, err := s.Issues(t.Context(), c.prefix, limit, cur)
					ok(t, err)
					for _, i := range page {
						got = append(got, fmt.Sprint(i.Key, " ", i.Commits, " ", i.Branches))
					}
					if cur = next; cur == "" {
						break
					}
				}
				if !cmp.Equal(got, c.want) {
					t.Errorf("%s by %d: got %q, want %q", c.prefix, limit, got, c.want)
				}
			}
		}
		if all, _, err := s.Issues(t.Context(), "", 100, ""); err != nil || len(all) != 11 {
			t.Errorf("all: %v %v", all, err)
		}
	})
}

func TestLinkedListsArePaged(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		var commits []model.BatchCommit
		refs := map[string]model.Hash{}
		var want, wantBranches []string
		for i := range 11 {
			c := commit(fmt.Sprintf("A-%d B-%d", i, i), int64(i/5))
			commits = append(commits, c)
			refs[fmt.Sprintf("refs/heads/A-%02d-\xff", i)] = c.Hash
			wantBranches = append(wantBranches, fmt.Sprintf("A-%02d-\xff %s", i, c.Hash))
			want = append(want, fmt.Sprint("A-", i, " ", c.Hash, " 1"), fmt.Sprint("B-", i, " ", c.Hash, " 1"))
		}
		record(t, s, syncJob(t, s, repo), commits, refs)
		var got, gotBranches []string
		var times []int64
		for cur := ""; ; {
			page, next, err := s.LinkedCommits(t.Context(), repo, 3, cur)
			ok(t, err)
			for _, c := range page {
				got = append(got, fmt.Sprint(c.Key, " ", c.Commit.Hash, " ", c.BranchCount))
				times = append(times, -c.Commit.CommittedAt.Unix())
			}
			if cur = next; cur == "" {
				break
			}
		}
		for cur := ""; ; {
			page, next, err := s.LinkedBranches(t.Context(), repo, 3, cur)
			ok(t, err)
			for _, x := range page {
				gotBranches = append(gotBranches, x.Name+" "+x.Tip.String())
			}
			if cur = next; cur == "" {
				break
			}
		}
		slices.Sort(got)
		slices.Sort(want)
		if !cmp.Equal(got, want) || !slices.IsSorted(times) {
			t.Errorf("commits are %q, want %q", got, want)
		}
		if !cmp.Equal(gotBranches, wantBranches) {
			t.Errorf("branches are %q, want %q", gotBranches, wantBranches)
		}
		n := 0
		ok(t, s.EachCommit(t.Context(), repo, func(c model.RawCommit) error {
			if string(c.Raw) != string(commits[n].Raw) || c.Hash != commits[n].Hash {
				t.Errorf("commit %d is %q", n, c.Raw)
			}
			n++
			return nil
		}))
		if n != 11 {
			t.Errorf("%d commits", n)
		}
	})
}

// Imported history has many commits of one time.
func TestIssuesOfOneTimeAreListedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		var commits []model.BatchCommit
		var tip []model.Hash
		const keys = 4 * streamPage / 3
		for i := range 3 * keys {
			c := commit(fmt.Sprintf("APP-%04d %d", 1000+i%keys, i), 1000-int64(i%2), tip...)
			if i < 2*streamPage {
				c = commit(fmt.Sprintf("HOT-1 APP-%04d %d", 1000+i%keys, i), 1000-int64(i%2), tip...)
			}
			commits, tip = append(commits, c), []model.Hash{c.Hash}
		}
		slices.Reverse(commits)
		record(t, s, syncJob(t, s, repo), commits, map[string]model.Hash{"refs/heads/main": tip[0]})
		for _, limit := range []int{7, 100, 2000} {
			var got []string
			for cur := ""; ; {
				page, next, err := s.Issues(t.Context(), "", limit, cur)
				ok(t, err)
				for _, i := range page {
					got = append(got, string(i.Key))
				}
				if cur = next; cur == "" {
					break
				}
			}
			if len(got) != keys+1 || !slices.IsSorted(got[:keys/2]) || len(slices.Compact(slices.Sorted(slices.Values(got)))) != keys+1 {
				t.Errorf("by %d: %d issues, want %d once each", limit, len(got), keys+1)
			}
		}
	})
}

// A page must not sort, nor read again, all links of its time.
func TestStreamIsReadByIndex(t *testing.T) {
	s := (&bed{t, Options{DataDir: t.TempDir()}}).open()
	for query, args := range map[string][]any{
		sameTimeLinks: {1, "A-1", "A-", "A-~", 1}, sameTimeBranches: {1, "A-1", "A-", "A-~", 1},
		borderOfLinks: {1, 1}, borderOfBranches: {1, 1}, olderLinks: {2, 1, "A-", "A-~"}, olderBranches: {2, 1, "A-", "A-~"},
		sameTimePulls: {1, "A-1", "A-", "A-~", 1}, borderOfPulls: {1, 1}, olderPulls: {2, 1, "A-", "A-~"},
	} {
		var plan []string
		ok(t, s.db.read(t.Context(), func(x *tx) error {
			return x.each(`EXPLAIN QUERY PLAN `+query, args, func(rows *sql.Rows) error {
				var id, parent, unused int
				var line string
				err := rows.Scan(&id, &parent, &unused, &line)
				plan = append(plan, line)
				return err
			})
		}))
		index, sorts := "_time (", "ORDER BY"
		switch query {
		case sameTimeLinks, sameTimeBranches, sameTimePulls:
			index = "=? AND issue_key>?"
		case olderLinks, olderBranches, olderPulls:
			sorts = "FOR ORDER BY" // the keys of one time are sorted
		}
		if all := fmt.Sprint(plan); !strings.Contains(all, index) || strings.Contains(all, sorts) {
			t.Errorf("%s\nis run as %q", query, plan)
		}
	}
}

// A delivery must not read all repos of its host.
func TestReposOfADeliveryAreFoundByIndex(t *testing.T) {
	s := (&bed{t, Options{DataDir: t.TempDir()}}).open()
	spy := &planning{t: t}
	ok(t, s.db.read(t.Context(), func(x *tx) error {
		spy.runner = x.run
		f := finder{&tx{ctx: x.ctx, run: spy, sql: x.sql}, "h"}
		_, err := f.byHostID("1")
		ok(t, err)
		_, err = f.byName("acme/app")
		ok(t, err)
		_, err = f.byAddress([]spot{{"example.com:22/acme/app", "example.com/acme/app", true}, {"example.com:22/x", "example.com/x", false}})
		return err
	}))
	if spy.asked != 8 {
		t.Errorf("%d queries", spy.asked)
	}
}

// A planning runner fails the test for queries that read a whole table.
type planning struct {
	runner
	t     *testing.T
	asked int
}

func (p *planning) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.asked++
	plan, err := p.runner.QueryContext(ctx, `EXPLAIN QUERY PLAN `+query, args...)
	if err != nil {
		return nil, err
	}
	defer plan.Close()
	for plan.Next() {
		var id, parent, unused int
		var line string
		ok(p.t, plan.Scan(&id, &parent, &unused, &line))
		if strings.Contains(line, "SCAN") || strings.Contains(line, "(host=?)") {
			p.t.Errorf("%s\nis run as %q", query, line)
		}
	}
	return p.runner.QueryContext(ctx, query, args...)
}
