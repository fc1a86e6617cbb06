package sync

import (
	"math/rand/v2"
	"slices"
	stdsync "sync"
	"time"

	"issuetrail/internal/model"
)

// Waits after failures.
const (
	backoffBase = 30 * time.Second
	backoffCap  = 15 * time.Minute
	backoffMin  = time.Second
	probeCap    = 5 * time.Minute // between two probes of a host: a webhook of one that is back waits for it
	tripAfter   = 3               // failed connections in a row that open the breaker of a host
)

// backoff is how long to wait after the nth failure in a row, n from 0: "full jitter",
// anything between nothing and 30 s, then 1 min, 2 min … 15 min.
func backoff(n int) time.Duration {
	limit := backoffCap
	if n < 5 {
		limit = min(limit, backoffBase<<n)
	}
	return backoffMin + rand.N(limit-backoffMin)
}

// breakers keep jobs away from SSH servers that cannot be reached. Three failed
// connections in a row, of more than one repo, open the breaker of a host; from then on one job at a time
// probes it, with growing waits, until one gets through. Other hosts do not notice.
type breakers struct {
	mu    stdsync.Mutex
	hosts map[string]*breaker
}

type breaker struct {
	failures int       // in a row; until open, those of one repo count once
	repo     int64     // that failed last
	probing  bool      // open, and one job tries
	retryAt  time.Time // of the next probe
}

func (b *breaker) open() bool { return b.failures >= tripAfter }

func newBreakers() *breakers { return &breakers{hosts: map[string]*breaker{}} }

// skip lists the hosts that get no job now, and when the first of them may be probed;
// zero = not by time alone.
func (b *breakers) skip(now time.Time) (hosts []string, until time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for host, br := range b.hosts {
		if !br.open() || !br.probing && !br.retryAt.After(now) {
			continue
		}
		hosts = append(hosts, host)
		if !br.probing && (until.IsZero() || br.retryAt.Before(until)) {
			until = br.retryAt
		}
	}
	slices.Sort(hosts)
	return hosts, until
}

// claimed notes that a job of the host is about to run. It says whether that is its probe.
func (b *breakers) claimed(host string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	br := b.hosts[host]
	if br == nil || !br.open() {
		return false
	}
	br.probing = true
	return true
}

// ended notes what became of a job. reached says that the server answered at all;
// a job that never tried leaves all as it was, but for the probe it may have been.
func (b *breakers) ended(host string, repo int64, probe, tried, reached bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	br := b.hosts[host]
	switch {
	case tried && reached:
		delete(b.hosts, host)
		return
	case tried && br == nil:
		br = &breaker{}
		b.hosts[host] = br
	case br == nil:
		return
	}
	if probe {
		br.probing = false
	}
	if !tried || repo == br.repo && !br.open() {
		return
	}
	br.repo = repo
	br.failures++
	if br.open() && (probe || br.failures == tripAfter) {
		br.retryAt = now.Add(min(backoff(br.failures-tripAfter), probeCap))
	}
}

// open counts the hosts that are kept away from.
func (b *breakers) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, br := range b.hosts {
		if br.open() {
			n++
		}
	}
	return n
}

// noConnection says whether a failure means that the server could not be reached.
func noConnection(f *model.Failure) bool {
	return f.Code == model.CodeUnreachable || f.Code == model.CodeTimeout
}
