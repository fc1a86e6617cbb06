package store

import (
	"context"
	"database/sql"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

func (s *Store) loadRefs(ctx context.Context, repoID int64) (refs []model.Ref, err error) {
	err = s.db.page(ctx, func(t *tx) error {
		var name, tip, peeled sql.RawBytes
		return t.each(`SELECT name, tip, peeled FROM ref WHERE repo_id = $1 ORDER BY name`, []any{repoID}, func(rows *sql.Rows) error {
			if err := rows.Scan(&name, &tip, &peeled); err != nil {
				return err
			}
			r := model.Ref{Name: string(name)}
			copy(r.Tip[:], tip)
			copy(r.Peeled[:], peeled)
			refs = append(refs, r)
			return nil
		})
	})
	return refs, err
}

// loadGraph appends to g the segments that came after it; nil makes a new one.
func (s *Store) loadGraph(ctx context.Context, repoID int64, g *graph) (*graph, error) {
	if g == nil {
		g = newGraph()
	}
	var segs []loadedSeg
	err := s.db.page(ctx, func(t *tx) error {
		return t.each(`SELECT s.id, s.commits, i.hashes, i.parents FROM segment s JOIN segment_index i ON i.segment_id = s.id
			WHERE s.repo_id = $1 AND s.done = 1 AND s.id > $2 ORDER BY s.id`, []any{repoID, g.last()}, func(rows *sql.Rows) error {
			var l loadedSeg
			err := rows.Scan(&l.id, &l.commits, &l.hashes, &l.parents)
			segs = append(segs, l)
			return err
		})
	})
	if err != nil || len(segs) == 0 {
		return g, err
	}
	fits, err := g.grow(segs)
	if err == nil && !fits {
		return s.loadGraph(ctx, repoID, nil)
	}
	return g, err
}

// patch brings cached refs from version to the next without reading them again.
func (c *graphCache) patch(repoID, version int64, updates []model.RefUpdate) {
	c.mu.Lock()
	v := c.views[repoID]
	c.mu.Unlock()
	if v == nil {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.refsAt != version {
		return
	}
	v.refsAt = version + 1
	if len(updates) > 0 {
		v.refs = merge(v.refs, updates)
	}
}

// merge gives refs with the updates made, in a new slice.
func merge(refs []model.Ref, updates []model.RefUpdate) []model.Ref {
	updates = slices.Clone(updates)
	slices.SortStableFunc(updates, func(a, b model.RefUpdate) int { return strings.Compare(a.Name, b.Name) })
	out := make([]model.Ref, 0, len(refs)+len(updates))
	for len(refs) > 0 || len(updates) > 0 {
		if len(updates) == 0 || len(refs) > 0 && refs[0].Name < updates[0].Name {
			out, refs = append(out, refs[0]), refs[1:]
			continue
		}
		u := updates[0]
		if len(refs) > 0 && refs[0].Name == u.Name {
			refs = refs[1:]
		}
		updates = updates[1:]
		if len(updates) > 0 && updates[0].Name == u.Name {
			continue // a later update of the same ref
		}
		if !u.New.IsZero() {
			out = append(out, model.Ref{Name: u.Name, Tip: u.New, Peeled: u.Peeled})
		}
	}
	return out
}
