package store

import (
	"context"
	"database/sql"
	"math/bits"

	"issuetrail/internal/model"
)

// A goneChange is how the unreached commits of one segment change.
type goneChange struct {
	segment int64
	was, is []byte // bitmaps by position; nil = none
}

// staleLinks is the stale_reach of a repo whose links may be marked other than the bitmaps of
// their segments say.
const staleLinks = 2

// recordReach finds which commits no ref reaches any more, or again, and marks their
// links, then the bitmap of the segment. While links are written the repo says so: after
// a kill the next look, torn, compares the links themselves. It cannot go by the bitmaps,
// for the refs may have gone back to what those say.
func (s *Store) recordReach(ctx context.Context, j model.Job, torn bool) error {
	var now map[int64][]byte
	err := s.withGraph(ctx, j.RepoID, func(g *graph, _ []model.Ref, tips []int) { now = g.gone(tips) })
	if err != nil {
		return err
	}
	var changes []goneChange
	err = s.db.read(ctx, func(t *tx) error {
		return t.each(`SELECT id, gone FROM segment WHERE repo_id = $1 AND done = 1`, []any{j.RepoID}, func(rows *sql.Rows) error {
			var c goneChange
			err := rows.Scan(&c.segment, &c.was)
			if c.is = now[c.segment]; torn || string(c.is) != string(c.was) {
				changes = append(changes, c)
			}
			return err
		})
	})
	if err != nil {
		return err
	}
	if len(changes) > 0 && !torn {
		err = s.db.bulk(ctx, "record_torn", func(t *tx) error {
			if err := fence(t, j); err != nil {
				return err
			}
			_, err := t.exec(`UPDATE repo SET stale_reach = $2 WHERE id = $1`, j.RepoID, int64(staleLinks))
			return err
		})
	}
	for _, c := range changes {
		if err != nil {
			break
		}
		err = s.recordGone(ctx, j, c, torn)
	}
	return err
}

// gone gives the bitmaps of commits that the tips do not reach, by segment; a segment without any
// has none.
func (g *graph) gone(tips []int) map[int64][]byte {
	reached := g.reach(tips)
	out := map[int64][]byte{}
	for _, seg := range g.segs {
		var b []byte
		for pos := range seg.n {
			if reached.has(int(g.nodeOf[seg.base+pos])) {
				continue
			}
			if b == nil {
				b = make([]byte, (seg.n+7)/8)
				out[seg.id] = b
			}
			b[pos>>3] |= 1 << (pos & 7)
		}
	}
	return out
}

func marked(b []byte, pos int) bool { return pos>>3 < len(b) && b[pos>>3]>>(pos&7)&1 != 0 }

func countMarked(b []byte) (n int) {
	for _, c := range b {
		n += bits.OnesCount8(c)
	}
	return n
}

// recordGone marks the links of one segment, and then the segment; all of them if torn.
func (s *Store) recordGone(ctx context.Context, j model.Job, c goneChange, torn bool) error {
	seg, err := s.readIndex(ctx, c.segment)
	if err != nil {
		return err
	}
	var changed []int
	hidden := 0
	for _, pos := range seg.linked {
		was, is := marked(c.was, pos), marked(c.is, pos)
		if torn || was != is {
			changed = append(changed, pos)
		}
		hidden += int(flag(is) - flag(was))
	}
	err = s.inSlices(ctx, "record_gone", &j, 0, len(changed), func(t *tx, i int) (int, error) {
		pos := changed[i]
		_, err := t.exec(`UPDATE link SET gone = $1 WHERE repo_id = $2 AND committed_at = $3 AND segment_id = $4 AND pos = $5 AND gone <> $1`,
			flag(marked(c.is, pos)), j.RepoID, seg.time(pos), c.segment, int64(pos))
		return i + 1, err
	})
	if err != nil {
		return err
	}
	return s.db.bulk(ctx, "record_reach", func(t *tx) error {
		if err := fence(t, j); err != nil {
			return err
		}
		if _, err := t.exec(`UPDATE segment SET gone = $1 WHERE id = $2`, c.is, c.segment); err != nil {
			return err
		}
		_, err := t.exec(`UPDATE repo SET unreached = unreached + $2, linked_commits = linked_commits - $3 WHERE id = $1`,
			j.RepoID, int64(countMarked(c.is)-countMarked(c.was)), int64(hidden))
		return err
	})
}
