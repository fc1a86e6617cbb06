package store

import (
	goflag "flag"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"issuetrail/internal/model"
)

// A simple is a repository as a test can see through it: all commits there ever were,
// those that a server sent so far, and the refs of now.
type simple struct {
	commits map[model.Hash]model.BatchCommit
	order   []model.Hash
	refs    map[string]model.Hash
	sent    map[model.Hash]bool
}

// reaches gives all commits that a tip reaches.
func (m *simple) reaches(tip model.Hash) map[model.Hash]bool {
	seen := map[model.Hash]bool{}
	for todo := []model.Hash{tip}; len(todo) > 0; todo = todo[1:] {
		if !seen[todo[0]] {
			seen[todo[0]] = true
			todo = append(todo, m.commits[todo[0]].Parents...)
		}
	}
	return seen
}

// want is what the store should say of a key, a line for each commit and tag.
func (m *simple) want(key model.IssueKey) []string {
	branches, tags := map[model.Hash][]string{}, map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(m.refs)) {
		for h := range m.reaches(m.refs[name]) {
			if !slices.Contains(m.commits[h].Keys, key) {
				continue
			}
			if short, isBranch := strings.CutPrefix(name, model.HeadPrefix); isBranch {
				branches[h] = append(branches[h], short)
			} else {
				tags[strings.TrimPrefix(name, model.TagPrefix)]++
				branches[h] = append([]string{}, branches[h]...)
			}
		}
	}
	var lines []string
	for h, names := range branches {
		if i := slices.Index(names, "main"); i > 0 { // the default branch first
			names = slices.Insert(slices.Delete(names, i, i+1), 0, "main")
		}
		lines = append(lines, fmt.Sprintf("%s %q %d", h, names[:min(len(names), namedBranches)], len(names)))
	}
	for name, n := range tags {
		lines = append(lines, fmt.Sprintf("tag %s %d", name, n))
	}
	slices.Sort(lines)
	return lines
}

func got(t testing.TB, s *Store, key model.IssueKey) (lines []string) {
	t.Helper()
	for cur := ""; ; {
		i := must(s.Issue(t.Context(), key, model.IssueQuery{Limit: 5, Cursor: cur}))(t)
		for _, c := range i.Commits {
			names := c.Branches
			if names == nil {
				names = []string{}
			}
			lines = append(lines, fmt.Sprintf("%s %q %d", c.Commit.Hash, names, c.BranchCount))
		}
		if cur != "" && len(i.Tags) > 0 {
			t.Errorf("tags on a further page of %s: %v", key, i.Tags)
		}
		for _, tag := range i.Tags {
			lines = append(lines, fmt.Sprintf("tag %s %d", tag.Name, tag.Commits))
		}
		if cur = i.Next; cur == "" {
			slices.Sort(lines)
			return lines
		}
	}
}

// Whatever is pushed, forced, deleted and brought back, links, containment and counts are
// those of a walk over the whole history.
func TestAnyHistoryIsToldRight(t *testing.T) {
	if err := goflag.Set("rapid.checks", "25"); err != nil {
		t.Fatal(err)
	}
	onBoth(t, func(t *testing.T, b *bed) {
		stores := []*Store{b.open()}
		if b.opts.URL != "" {
			stores = append(stores, b.open()) // a second node takes turns
		}
		n := 0
		rapid.Check(t, func(r *rapid.T) {
			n++
			repo := addRepo(t, stores[0], fmt.Sprint("acme/app", n)).ID
			ok(t, stores[0].Finish(t.Context(), claimJob(t, stores[0]).Job))
			m := &simple{map[model.Hash]model.BatchCommit{}, nil, map[string]model.Hash{}, map[model.Hash]bool{}}
			key := func(i int) model.IssueKey { return model.IssueKey(fmt.Sprintf("R%d-%d", n, i)) }
			for step := range rapid.IntRange(1, 6).Draw(r, "syncs") {
				s := stores[step%len(stores)]
				m.grow(r, key)
				if len(m.order) == 0 {
					continue
				}
				m.move(r)
				record(t, s, syncJob(t, s, repo), m.send(r), maps.Clone(m.refs))
				for i := range 3 {
					for _, s := range stores {
						if d := cmp.Diff(m.want(key(i)), got(t, s, key(i))); d != "" {
							r.Fatalf("step %d, key %s (-want +got):\n%s", step, key(i), d)
						}
					}
				}
				m.count(r, t, s, repo)
			}
		})
	})
}

// grow makes new commits on any of the old ones.
func (m *simple) grow(r *rapid.T, key func(int) model.IssueKey) {
	for range rapid.IntRange(0, 12).Draw(r, "new") {
		var parents []model.Hash
		for range rapid.IntRange(0, 2).Draw(r, "parents") {
			if len(m.order) > 0 {
				parents = append(parents, rapid.SampledFrom(m.order).Draw(r, "parent"))
			}
		}
		text := fmt.Sprintf("commit %d", len(m.order))
		if i := rapid.IntRange(0, 5).Draw(r, "key"); i < 3 {
			text += " " + string(key(i))
		}
		c := commit(text, rapid.Int64Range(0, 5).Draw(r, "time"), parents...)
		m.commits[c.Hash], m.order = c, append(m.order, c.Hash)
	}
}

// send gives what a server sends for the refs of now: all that is reached and was not
// sent, children mostly first, and some that it sent before.
func (m *simple) send(r *rapid.T) (out []model.BatchCommit) {
	reached := map[model.Hash]bool{}
	for _, tip := range m.refs {
		maps.Copy(reached, m.reaches(tip))
	}
	for _, h := range m.order {
		if reached[h] && (!m.sent[h] || rapid.IntRange(0, 4).Draw(r, "again") == 0) {
			out, m.sent[h] = append(out, m.commits[h]), true
		}
	}
	slices.Reverse(out)
	return out
}

// move creates, moves and deletes refs.
func (m *simple) move(r *rapid.T) {
	names := []string{"refs/heads/main", "refs/heads/a", "refs/heads/a/b", "refs/heads/zz", "refs/tags/v1", "refs/tags/v2"}
	for range rapid.IntRange(0, 4).Draw(r, "moves") {
		name := rapid.SampledFrom(names).Draw(r, "ref")
		if rapid.IntRange(0, 3).Draw(r, "delete") == 0 {
			delete(m.refs, name)
		} else {
			m.refs[name] = rapid.SampledFrom(m.order).Draw(r, "tip")
		}
	}
}

func (m *simple) count(r *rapid.T, t testing.TB, s *Store, repo int64) {
	linked := map[model.Hash]bool{}
	for _, tip := range m.refs {
		for h := range m.reaches(tip) {
			if len(m.commits[h].Keys) > 0 {
				linked[h] = true
			}
		}
	}
	st := must(s.RepoStatus(t.Context(), repo))(t)
	if st.Refs != len(m.refs) || st.Commits != len(m.sent) {
		r.Fatalf("counts are %d refs, %d commits; want %d, %d", st.Refs, st.Commits, len(m.refs), len(m.sent))
	}
	if st.LinkedCommits != len(linked) {
		r.Fatalf("%d linked commits, want %d", st.LinkedCommits, len(linked))
	}
}
