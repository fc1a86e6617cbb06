package sync

import (
	"maps"
	stdsync "sync"
	"time"
)

// Stats are counts since the start of the daemon.
type Stats struct {
	Syncs     map[string]int64 // by result: changed, unchanged, relinked, lost, released, or the code of a failure
	Seconds   float64          // of all of them together
	Count     int64            // number of them
	Commits   int64            // received from servers
	Links     int64            // issue keys found in them and in names of branches
	Running   int              // syncs that run now
	OpenHosts int              // SSH servers that are kept away from, as they could not be reached
}

// counters gather Stats.
type counters struct {
	mu    stdsync.Mutex
	stats Stats
}

func (c *counters) count(result string, out outcome, took time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stats.Syncs == nil {
		c.stats.Syncs = map[string]int64{}
	}
	c.stats.Syncs[result]++
	c.stats.Seconds += took.Seconds()
	c.stats.Count++
	c.stats.Commits += out.commits
	c.stats.Links += out.links
}

func (c *counters) snapshot() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := c.stats
	out.Syncs = maps.Clone(c.stats.Syncs)
	return out
}
