package webhook

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestStats(t *testing.T) {
	d := openDoor(t, Options{}, nil)
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for range 5 {
				d.do(signed("/webhooks/hub", "push", pushBody))
				d.do(signed("/webhooks/lab", "push", pushBody))
				d.do(signed(fmt.Sprintf("/webhooks/guess-%d", i), "push", pushBody))
			}
		})
	}
	all.Wait()
	s := d.handler.Stats()
	want := []Count{{"", UnknownHost, 40}, {"hub", Accepted, 40}, {"lab", Unauthorized, 40}}
	if !slices.Equal(s.Counts, want) {
		t.Errorf("%+v", s.Counts) // a guessed name must not become a label
	}
	var n uint64
	for _, b := range s.Latency.Buckets {
		n += b
	}
	if n != 120 || len(s.Latency.Buckets) != len(s.Latency.Bounds)+1 || s.Latency.Sum <= 0 {
		t.Errorf("%+v", s.Latency)
	}
}

func TestHistogramBounds(t *testing.T) {
	var s stats
	for _, d := range []time.Duration{0, time.Millisecond, time.Millisecond + 1, 10 * time.Second, 10*time.Second + 1, time.Hour} {
		s.count("h", Accepted, d)
	}
	got := []uint64{s.buckets[0].Load(), s.buckets[1].Load(), s.buckets[len(bounds)-1].Load(), s.buckets[len(bounds)].Load()}
	if !slices.Equal(got, []uint64{2, 1, 1, 2}) {
		t.Error(got)
	}
}
