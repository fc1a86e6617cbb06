package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"issuetrail/internal/model"
)

// PostgreSQL takes no NUL in a text, which made an internal error of a made-up cursor.
func TestACursorWithNULIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		_, _, err := s.RepoStatuses(t.Context(), 10, cursor("a\x00b", 1))
		wantErr(t, err, ErrCursor)
	})
}

// A counting engine counts how often its transactions ran.
type counting struct {
	engine
	runs atomic.Int64
}

func (c *counting) write(ctx context.Context, name string, f func(*tx) error) error {
	return c.engine.write(ctx, name, func(t *tx) error {
		c.runs.Add(1)
		return f(t)
	})
}

// Two pushes that ring for the same repos in other orders waited for each other on PostgreSQL, until it
// found the deadlock a second later and one of them ran anew.
func TestDeliveriesAtOnceDoNotDeadlock(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		var urls, back []string
		for i := range 8 {
			addRepo(t, s, fmt.Sprint("acme/app", i))
			url := fmt.Sprint("https://example.com/acme/app", i)
			urls, back = append(urls, url), append([]string{url}, back...)
		}
		c := &counting{engine: s.db}
		s.db = c
		const rounds = 100
		var wg sync.WaitGroup
		for n, list := range [][]string{urls, back} {
			wg.Go(func() {
				for i := range rounds {
					d, err := s.Accept(t.Context(), model.Delivery{Host: "h", Push: model.Push{DeliveryID: fmt.Sprint(n, "-", i), URLs: list}})
					if err != nil || len(d.Repositories) != len(list) {
						t.Errorf("%v %v", d.Repositories, err)
					}
				}
			})
		}
		wg.Wait()
		if n := c.runs.Load(); n != 2*rounds {
			t.Errorf("%d transactions for %d deliveries", n, 2*rounds)
		}
	})
}

// A ref name is part of an index, whose rows PostgreSQL bounds to 2704 bytes after compression.
// The longest that the mirror lets through fits with a key of any sensible length.
func TestTheLongestRefNameIsKept(t *testing.T) {
	const longest = 1 << 10
	name := bytes.NewBufferString("refs/heads/R-1-")
	for i := 0; name.Len() < longest; i++ {
		h := sha256.Sum256(fmt.Append(nil, i)) // bytes that do not compress
		name.Write(bytes.ReplaceAll(h[:], []byte{0}, []byte{1}))
	}
	name.Truncate(longest)
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		c := commit("R-1", 1)
		record(t, s, syncJob(t, s, repo), []model.BatchCommit{c}, map[string]model.Hash{name.String(): c.Hash})
		if got := issue(t, s, "R-1"); len(got.Branches) != 1 || model.HeadPrefix+got.Branches[0].Name != name.String() {
			t.Errorf("branches are %v", got.Branches)
		}
	})
}
