package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/model"
)

// BenchmarkAcceptDuringFirstIndex is 100 deliveries a second while another repo gets its first
// index.
func BenchmarkAcceptDuringFirstIndex(b *testing.B) {
	commits := manyCommits(100_000)
	for b.Loop() {
		s := must(Open(context.Background(), Options{DataDir: b.TempDir()}))(b)
		addRepo(b, s, "acme/app")
		j := claimJob(b, s)
		addRepo(b, s, "acme/busy")
		stop := make(chan struct{})
		var took []time.Duration
		var mu sync.Mutex
		var wg sync.WaitGroup
		wg.Go(func() {
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				case <-tick.C:
				}
				wg.Go(func() {
					at := time.Now()
					ok(b, err2(s.Accept(context.Background(), model.Delivery{Host: "h", Push: model.Push{DeliveryID: fmt.Sprint(i), RepoName: "acme/busy"}})))
					mu.Lock()
					took = append(took, time.Since(at))
					mu.Unlock()
				})
			}
		})
		begun := time.Now()
		for part := range slices.Chunk(commits, segmentCommits) {
			ok(b, s.Add(b.Context(), j.Job, part))
		}
		ok(b, s.Record(b.Context(), j.Job, model.SyncResult{Updates: []model.RefUpdate{{Name: "refs/heads/main", New: commits[0].Hash}}}))
		b.ReportMetric(float64(time.Since(begun).Milliseconds()), "index-ms")
		close(stop)
		wg.Wait()
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-us")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-us")
		s.Close()
	}
}

func err2[T any](_ T, err error) error { return err }
