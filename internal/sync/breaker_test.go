package sync

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"issuetrail/internal/model"
)

func TestBackoff(t *testing.T) {
	for n, limit := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, backoffCap, backoffCap} {
		var longest time.Duration
		for range 300 {
			d := backoff(n)
			if d < backoffMin || d > limit {
				t.Fatalf("after %d failures: %s, limit %s", n, d, limit)
			}
			longest = max(longest, d)
		}
		if longest < limit/2 {
			t.Errorf("after %d failures never more than %s of %s", n, longest, limit)
		}
	}
	if d := backoff(1 << 30); d > backoffCap {
		t.Errorf("after very many failures: %s", d)
	}
}

func TestBreaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const bad, good = "bad:22", "good:22"
		b := newBreakers()
		for repo := range int64(tripAfter - 1) {
			for range 5 { // a repo that fails alone counts once
				b.ended(bad, repo+1, b.claimed(bad), true, false, time.Now())
			}
		}
		b.ended(good, 9, b.claimed(good), true, true, time.Now())
		if skip, _ := b.skip(time.Now()); skip != nil {
			t.Fatalf("two failures keep jobs away: %v", skip)
		}
		b.ended(bad, 1, b.claimed(bad), true, false, time.Now())
		skip, until := b.skip(time.Now())
		if !slices.Equal(skip, []string{bad}) || !until.After(time.Now()) || b.open() != 1 {
			t.Fatalf("three failures: skip %v until %s", skip, until)
		}
		for range 10 { // probes, one at a time
			<-time.After(time.Until(until))
			if skip, _ := b.skip(time.Now()); skip != nil {
				t.Fatal("no probe after the wait")
			}
			probe := b.claimed(bad)
			if skip, _ := b.skip(time.Now()); !probe || !slices.Equal(skip, []string{bad}) {
				t.Fatal("two probes at a time")
			}
			b.ended(bad, 1, probe, true, false, time.Now())
			_, until = b.skip(time.Now())
			if wait := time.Until(until); wait <= 0 || wait > probeCap {
				t.Fatalf("the next probe comes in %s", wait)
			}
		}
		<-time.After(time.Until(until))
		b.ended(bad, 1, b.claimed(bad), false, true, time.Now()) // a job that never tried
		if skip, _ := b.skip(time.Now()); skip != nil {
			t.Fatal("a job that never tried counts as a probe")
		}
		b.ended(bad, 1, b.claimed(bad), true, true, time.Now())
		if b.open() != 0 || b.claimed(bad) {
			t.Fatal("a probe that got through leaves the breaker open")
		}
	})
}

// TestDiskFullForHours: with room again a repo is synced within a minute, however often it
// failed before.
func TestDiskFullForHours(t *testing.T) {
	inYard(t, appOptions, 1, oneHost, func(y *yard) {
		y.settle()
		var full atomic.Bool
		full.Store(true)
		y.history.openErr = func(string) error {
			if full.Load() {
				return &model.Failure{Code: model.CodeDiskFull, Detail: "no space"}
			}
			return nil
		}
		y.enqueue(1, model.PriorityWebhook)
		<-time.After(5 * time.Hour)
		full.Store(false)
		<-time.After(time.Minute)
		if y.syncs(resultChanged) != 1 {
			t.Errorf("not synced after %d failures", y.syncs(model.CodeDiskFull))
		}
	})
}
