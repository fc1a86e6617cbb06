package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"issuetrail/internal/model"
)

// idleGraph is how long an unused graph is kept.
const idleGraph = 5 * time.Minute

// A graphCache keeps graphs and refs of the repos used last. What it holds is checked
// against the repo's version at every use, for another node may have written.
type graphCache struct {
	limit int64
	mu    sync.Mutex
	views map[int64]*view
	stop  chan struct{}
	once  sync.Once
}

// A view is what is cached of one repo. Its mutex is held for reading while it is used.
type view struct {
	mu       sync.RWMutex
	epoch    int64
	graph    *graph // nil = not loaded
	graphAt  int64  // version that the graph is of
	refs     []model.Ref
	refsAt   int64       // version that refs are of; -1 = not loaded
	tips     []int       // nodes of refs, -1 = unknown
	tipRefs  []model.Ref // the refs that tips were made from, and the versions
	tipsOf   int64
	tipsAt   int64
	size     int64
	usedLast time.Time
}

func newGraphCache(limit int64) *graphCache {
	c := &graphCache{limit: limit, views: map[int64]*view{}, stop: make(chan struct{})}
	go func() {
		tick := time.NewTicker(time.Minute)
		defer tick.Stop()
		for {
			select {
			case <-c.stop:
				return
			case now := <-tick.C:
				c.shrink(now.Add(-idleGraph))
			}
		}
	}()
	return c
}

func (c *graphCache) close() { c.once.Do(func() { close(c.stop) }) }

func (c *graphCache) view(repoID int64) *view {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.views[repoID]
	if v == nil {
		v = &view{refsAt: -1, graphAt: -1, tipsAt: -1}
		c.views[repoID] = v
	}
	v.usedLast = time.Now()
	return v
}

func (c *graphCache) drop(repoID int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.views, repoID)
}

// resize notes the size of a view and drops those used longest ago until all fit.
func (c *graphCache) resize(v *view, size int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v.size = size
	var total int64
	for _, o := range c.views {
		total += o.size
	}
	for total > c.limit {
		id, oldest := c.oldest(v)
		if oldest == nil {
			return
		}
		delete(c.views, id)
		total -= oldest.size
	}
}

func (c *graphCache) oldest(but *view) (id int64, v *view) {
	for i, o := range c.views {
		if o != but && (v == nil || o.usedLast.Before(v.usedLast)) {
			id, v = i, o
		}
	}
	return id, v
}

func (c *graphCache) shrink(before time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, v := range c.views {
		if v.usedLast.Before(before) {
			delete(c.views, id)
		}
	}
}

// withRefs calls f with the repo's refs as they are now, sorted by name.
func (s *Store) withRefs(ctx context.Context, repoID int64, f func(refs []model.Ref)) error {
	return s.withView(ctx, repoID, false, func(v *view) { f(v.refs) })
}

// withGraph calls f with the repo's graph, refs and the nodes of the refs as they are
// now. f keeps nothing of them and asks the store nothing.
func (s *Store) withGraph(ctx context.Context, repoID int64, f func(g *graph, refs []model.Ref, tips []int)) error {
	return s.withView(ctx, repoID, true, func(v *view) { f(v.graph, v.refs, v.tips) })
}

func (s *Store) withView(ctx context.Context, repoID int64, graph bool, f func(*view)) error {
	v := s.graphs.view(repoID)
	version, epoch, err := s.version(ctx, repoID)
	if err != nil {
		return err
	}
	v.mu.RLock()
	if !v.fits(version, epoch, graph) {
		v.mu.RUnlock()
		if err := s.load(ctx, repoID, v, graph); err != nil {
			return fmt.Errorf("load the history of repository %d: %w", repoID, err)
		}
		v.mu.RLock()
	}
	defer v.mu.RUnlock()
	f(v)
	return nil
}

func (v *view) fits(version, epoch int64, graph bool) bool {
	return v.epoch == epoch && v.refsAt >= version && (!graph || v.graphAt >= version && v.tipsOf == v.refsAt && v.tipsAt == v.graphAt)
}

// version is checked at every use: it says whether anybody changed refs or history.
func (s *Store) version(ctx context.Context, repoID int64) (version, epoch int64, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		err := t.row(`SELECT version, epoch FROM repo WHERE id = $1`, repoID).Scan(&version, &epoch)
		if errors.Is(err, sql.ErrNoRows) {
			return model.ErrNotFound
		}
		return err
	})
	return version, epoch, err
}

// load brings a view up to date.
func (s *Store) load(ctx context.Context, repoID int64, v *view, graph bool) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	version, epoch, err := s.version(ctx, repoID)
	if err != nil {
		return err
	}
	if v.epoch != epoch {
		v.epoch, v.graph, v.graphAt, v.refsAt = epoch, nil, -1, -1
	}
	if v.refsAt < version {
		if v.refs, err = s.loadRefs(ctx, repoID); err != nil {
			return err
		}
		v.refsAt = version
	}
	if graph && v.graphAt < version {
		old := v.graph
		if v.graph, err = s.loadGraph(ctx, repoID, old); err != nil {
			v.graph, v.graphAt, v.tipRefs = nil, -1, nil
			return err
		}
		if v.graph != old {
			v.tipRefs = nil // other nodes
		}
		v.graphAt = version
	}
	if graph {
		v.findTips()
	}
	s.graphs.resize(v, v.bytes())
	return nil
}

func (v *view) bytes() int64 {
	n := int64(len(v.refs)*110 + 8*cap(v.tips))
	if v.graph != nil {
		n += v.graph.bytes()
	}
	return n
}

// findTips looks up the commits of the refs. Those that did not change are known from
// the time before.
func (v *view) findTips() {
	old, oldTips := v.tipRefs, v.tips
	tips := make([]int, 0, len(v.refs))
	for i := range v.refs {
		r := &v.refs[i]
		for len(old) > 0 && old[0].Name < r.Name {
			old, oldTips = old[1:], oldTips[1:]
		}
		if len(old) > 0 && oldTips[0] >= 0 && old[0] == *r {
			tips = append(tips, oldTips[0])
		} else {
			tips = append(tips, v.graph.node(r.Commit()))
		}
	}
	v.tips, v.tipRefs, v.tipsOf, v.tipsAt = tips, v.refs, v.refsAt, v.graphAt
}
