package webhook

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// An Outcome is what became of a request to the front door.
type Outcome string

// The outcomes. The first three are deliveries that proved themselves and are in
// the delivery log.
const (
	Accepted      Outcome = "accepted"
	Ignored       Outcome = "ignored"
	Rejected      Outcome = "rejected"       // not understood: 400
	Unauthorized  Outcome = "unauthorized"   // 401
	UnknownHost   Outcome = "unknown_host"   // 404
	WrongMethod   Outcome = "wrong_method"   // 405
	TooLarge      Outcome = "too_large"      // 413
	WrongEncoding Outcome = "wrong_encoding" // 415
	Busy          Outcome = "busy"           // 503, no memory to receive it
	NotStored     Outcome = "not_stored"     // 503
	Aborted       Outcome = "aborted"        // the body did not come whole
)

// A Count is how many requests ended in one way.
type Count struct {
	Host    string // name of the hosts entry; "" for names that are none
	Outcome Outcome
	N       uint64
}

// Stats are the counts since the start.
type Stats struct {
	Counts []Count // sorted by host, outcome
	// Of all requests, from the first line to the answer.
	Latency Histogram
}

// A Histogram counts durations by size, not cumulatively: Buckets[i] is the
// number that were at most Bounds[i] and above Bounds[i-1]; the last bucket has no bound.
type Histogram struct {
	Bounds  []time.Duration
	Buckets []uint64
	Sum     time.Duration
}

// bounds of the latency's buckets.
var bounds = [...]time.Duration{
	time.Millisecond, 2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond,
	25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond,
	500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second, 10 * time.Second,
}

type label struct {
	host    string
	outcome Outcome
}

// stats counts. The labels are few: hosts of the config times outcomes.
type stats struct {
	counts  sync.Map // label → *atomic.Uint64
	buckets [len(bounds) + 1]atomic.Uint64
	sum     atomic.Int64
}

func (s *stats) count(host string, o Outcome, took time.Duration) {
	n, ok := s.counts.Load(label{host, o})
	if !ok {
		n, _ = s.counts.LoadOrStore(label{host, o}, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
	i, _ := slices.BinarySearch(bounds[:], took)
	s.buckets[i].Add(1)
	s.sum.Add(int64(took))
}

// Stats gives the counts so far. Safe at any time.
func (h *Handler) Stats() Stats {
	out := Stats{Latency: Histogram{
		Bounds: bounds[:], Buckets: make([]uint64, len(bounds)+1), Sum: time.Duration(h.stats.sum.Load()),
	}}
	for i := range out.Latency.Buckets {
		out.Latency.Buckets[i] = h.stats.buckets[i].Load()
	}
	out.Counts = h.stats.list()
	return out
}

// list gives the counts so far, sorted.
func (s *stats) list() (out []Count) {
	s.counts.Range(func(k, v any) bool {
		l := k.(label)
		out = append(out, Count{l.host, l.outcome, v.(*atomic.Uint64).Load()})
		return true
	})
	slices.SortFunc(out, func(a, b Count) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Outcome, b.Outcome))
	})
	return out
}
