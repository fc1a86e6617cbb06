package store

import (
	"context"
	"sync"
)

// A background runs work that nobody waits for, until the store closes.
type background struct {
	ctx  context.Context
	stop context.CancelFunc
	mu   sync.Mutex
	all  sync.WaitGroup
}

func newBackground(ctx context.Context) *background {
	b := &background{}
	b.ctx, b.stop = context.WithCancel(context.WithoutCancel(ctx))
	return b
}

// run calls f in a goroutine. Its context ends when the store closes; after that f is
// not called.
func (b *background) run(f func(context.Context)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() == nil {
		b.all.Go(func() { f(b.ctx) })
	}
}

// close ends what runs, and waits for it.
func (b *background) close() {
	b.mu.Lock()
	b.stop()
	b.mu.Unlock()
	b.all.Wait()
}
