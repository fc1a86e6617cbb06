package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// A relinking is one run of Relink.
type relinking struct {
	s       *Store
	job     model.Job
	keys    func(model.RawCommit) []model.IssueKey
	dry     bool
	changed func(model.LinkChange)
}

// Relink makes the links of a repo anew from its stored history, with the rules that keys
// and branch apply, and tells each difference to changed (which may be nil). It works
// segment by segment in short transactions, and notes the rules when it is through. A dry run
// writes nothing and needs of the job only RepoID.
func (s *Store) Relink(ctx context.Context, j model.Job, rules string, keys func(model.RawCommit) []model.IssueKey,
	branch func(name string) []model.IssueKey, dry bool, changed func(model.LinkChange),
) error {
	if changed == nil {
		changed = func(model.LinkChange) {}
	}
	r := &relinking{s: s, job: j, keys: keys, dry: dry, changed: changed}
	if err := r.run(ctx, rules, branch); err != nil {
		return fmt.Errorf("make the links of repository %d anew: %w", j.RepoID, err)
	}
	return nil
}

func (r *relinking) run(ctx context.Context, rules string, branch func(string) []model.IssueKey) error {
	ids, err := r.s.segmentIDs(ctx, `SELECT id FROM segment WHERE repo_id = $1 AND done = 1 ORDER BY id`, r.job.RepoID)
	if err != nil {
		return err
	}
	var buf []byte
	for _, id := range ids {
		if buf, err = r.segment(ctx, id, buf); err != nil {
			return err
		}
	}
	if err := r.branches(ctx, branch); err != nil {
		return err
	}
	if err := r.pullRequests(ctx); err != nil || r.dry {
		return err
	}
	return r.s.db.write(ctx, "relink", func(t *tx) error {
		if err := fence(t, r.job); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE repo SET rules = $2, linked_branches = (SELECT count(DISTINCT name) FROM branch_link WHERE repo_id = $1) WHERE id = $1`,
			r.job.RepoID, rules)
		return err
	})
}

// segment compares the links of one segment with those it should have.
func (r *relinking) segment(ctx context.Context, id int64, buf []byte) ([]byte, error) {
	x, err := r.s.readIndex(ctx, id)
	if err != nil {
		return buf, err
	}
	var want []newLink
	buf, err = r.s.eachOf(ctx, x, buf, func(pos int, c model.RawCommit) error {
		for _, k := range r.keys(c) {
			want = append(want, newLink{k, pos, x.time(pos)})
		}
		return nil
	})
	if err != nil {
		return buf, err
	}
	have, err := r.links(ctx, x)
	if err != nil {
		return buf, err
	}
	add, drop := difference(have, sorted(want))
	for _, l := range drop {
		r.changed(model.LinkChange{Key: l.key, Commit: x.hash(l.pos)})
	}
	for _, l := range add {
		r.changed(model.LinkChange{Key: l.key, Commit: x.hash(l.pos), Added: true})
	}
	if r.dry || len(add)+len(drop) == 0 {
		return buf, nil
	}
	return buf, r.write(ctx, x, linkedOf(have), linkedOf(want), add, drop)
}

// links reads the links of a segment in the order of their key.
func (r *relinking) links(ctx context.Context, x segIndex) (list []newLink, err error) {
	if len(x.linked) == 0 {
		return nil, nil
	}
	first, last := x.time(x.linked[0]), x.time(x.linked[0])
	for _, pos := range x.linked {
		first, last = min(first, x.time(pos)), max(last, x.time(pos))
	}
	err = r.s.db.read(ctx, func(t *tx) error {
		return t.each(`SELECT issue_key, pos, committed_at FROM link WHERE repo_id = $1 AND committed_at BETWEEN $2 AND $3 AND segment_id = $4`,
			[]any{r.job.RepoID, first, last, x.id}, func(rows *sql.Rows) error {
				var l newLink
				err := rows.Scan(&l.key, &l.pos, &l.at)
				list = append(list, l)
				return err
			})
	})
	return sorted(list), err
}

// write brings the links of a segment from what it has to what it should have. First the
// list of linked commits grows, last it shrinks: a kill between leaves no link that it
// does not name.
func (r *relinking) write(ctx context.Context, x segIndex, have, want []int, add, drop []newLink) error {
	s, j := r.s, r.job
	if err := r.note(ctx, x, union(x.linked, union(have, want))); err != nil {
		return err
	}
	err := s.inSlices(ctx, "relink_drop", &j, 0, len(drop), func(t *tx, i int) (int, error) {
		_, err := t.exec(`DELETE FROM link WHERE issue_key = $1 AND segment_id = $2 AND pos = $3`, string(drop[i].key), x.id, int64(drop[i].pos))
		return i + 1, err
	})
	if err != nil {
		return err
	}
	err = s.inSlices(ctx, "relink_add", &j, 0, len(add), func(t *tx, i int) (int, error) {
		l := add[i]
		_, err := t.exec(`INSERT INTO link (issue_key, segment_id, pos, repo_id, committed_at, gone) VALUES ($1,$2,$3,$4,$5,$6) ON CONFLICT DO NOTHING`,
			string(l.key), x.id, int64(l.pos), j.RepoID, l.at, flag(marked(x.gone, l.pos)))
		return i + 1, err
	})
	if err != nil {
		return err
	}
	return r.note(ctx, x, want)
}

// note sets the list of a segment's linked commits, and counts them anew.
func (r *relinking) note(ctx context.Context, x segIndex, linked []int) error {
	return r.s.db.bulk(ctx, "relink_segment", func(t *tx) error {
		if err := fence(t, r.job); err != nil {
			return err
		}
		var packed []byte
		if err := t.row(`SELECT linked FROM segment_index WHERE segment_id = $1`, x.id).Scan(&packed); err != nil {
			return err
		}
		before, err := positions(packed)
		if err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE segment_index SET linked = $2 WHERE segment_id = $1`, x.id, notNil(appendPositions(nil, linked))); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE segment SET linked = $2 WHERE id = $1`, x.id, int64(len(linked))); err != nil {
			return err
		}
		_, err = t.exec(`UPDATE repo SET linked_commits = linked_commits + $2 WHERE id = $1`,
			r.job.RepoID, int64(visible(linked, x.gone)-visible(before, x.gone)))
		return err
	})
}

func visible(linked []int, gone []byte) (n int) {
	for _, pos := range linked {
		if !marked(gone, pos) {
			n++
		}
	}
	return n
}

// branches compares the links of the branches' names.
func (r *relinking) branches(ctx context.Context, branch func(string) []model.IssueKey) error {
	type link struct {
		key  model.IssueKey
		name string
	}
	have, want := map[link]bool{}, map[link]bool{}
	err := r.s.withRefs(ctx, r.job.RepoID, func(refs []model.Ref) {
		for _, ref := range refs {
			if name, ok := ref.Branch(); ok {
				for _, k := range branch(name) {
					want[link{k, name}] = true
				}
			}
		}
	})
	if err != nil {
		return err
	}
	err = r.s.db.read(ctx, func(t *tx) error {
		return t.each(`SELECT issue_key, name FROM branch_link WHERE repo_id = $1`, []any{r.job.RepoID}, func(rows *sql.Rows) error {
			var l link
			err := rows.Scan(&l.key, &l.name)
			l.name = strings.TrimPrefix(l.name, model.HeadPrefix)
			have[l] = true
			return err
		})
	})
	if err != nil {
		return err
	}
	var changes []model.LinkChange
	for l := range have {
		if !want[l] {
			changes = append(changes, model.LinkChange{Key: l.key, Branch: l.name})
		}
	}
	for l := range want {
		if !have[l] {
			changes = append(changes, model.LinkChange{Key: l.key, Branch: l.name, Added: true})
		}
	}
	slices.SortFunc(changes, func(a, b model.LinkChange) int {
		return cmp.Or(cmp.Compare(a.Branch, b.Branch), cmp.Compare(a.Key, b.Key))
	})
	for _, c := range changes {
		r.changed(c)
	}
	if r.dry {
		return nil
	}
	return r.s.inSlices(ctx, "relink_branches", &r.job, 0, len(changes), func(t *tx, i int) (int, error) {
		c := changes[i]
		if c.Added {
			return i + 1, linkBranch(t, c.Key, r.job.RepoID, model.HeadPrefix+c.Branch)
		}
		_, err := t.exec(`DELETE FROM branch_link WHERE issue_key = $1 AND repo_id = $2 AND name = $3`, string(c.Key), r.job.RepoID, []byte(model.HeadPrefix+c.Branch))
		return i + 1, err
	})
}
