package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/model"
)

func TestSlowPagesStopNoDeliveries(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		addRepo(t, s, "a/b")
		ctx, cancel := context.WithCancel(t.Context())
		var slow sync.WaitGroup
		began := make(chan struct{}, postgresConns)
		for range 2 * postgresConns {
			slow.Go(func() {
				_ = s.db.page(ctx, func(*tx) error { // what is still waiting ends with ctx
					began <- struct{}{}
					<-ctx.Done()
					return nil
				})
			})
		}
		for range readers - forShorts {
			<-began
		}
		short, stop := context.WithTimeout(t.Context(), 20*time.Second)
		defer stop()
		d, err := s.Accept(short, model.Delivery{Host: "h", Push: model.Push{DeliveryID: "1", RepoName: "a/b"}})
		if err != nil || d.Status != model.DeliveryAccepted {
			t.Errorf("a delivery beside slow pages: %v %s", err, d.Status)
		}
		if _, err := s.NextRunAt(short); err != nil {
			t.Errorf("the next run beside slow pages: %v", err)
		}
		cancel()
		slow.Wait()
	})
}

// endless is a query of hours.
const endless = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000000000) SELECT count(*) FROM n`

func TestPagesEndWithTheirCaller(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		for range 2 * readers {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			var n int64
			err := s.db.page(ctx, func(x *tx) error { return x.row(endless).Scan(&n) })
			if err == nil {
				t.Fatalf("an endless query gave %d, %v", n, err)
			}
			cancel()
		}
		for range 2 * readers {
			must(s.Stats(t.Context()))(t) // every reader is as good as before
			_, err := s.NextRunAt(t.Context())
			ok(t, err)
		}
	})
}
