package sync

import (
	"context"
	"fmt"
	"sync/atomic"

	"issuetrail/internal/crash"
	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// Bounds of a batch: what one transaction of the store takes in its stride, and
// two of which are in memory at most.
const (
	batchCommits = 2048
	batchBytes   = 2 << 20
)

// A batch holds commits and their bytes, one after the other in chunks of memory.
type batch struct {
	commits []model.BatchCommit
	chunk   []byte // the one that is filled; commits keep the full ones alive
	size    int    // bytes of all commits
	parents []model.Hash
}

func (b *batch) full(more int) bool {
	return len(b.commits) == batchCommits || len(b.commits) > 0 && b.size+more > batchBytes
}

// add copies a commit. Chunks double: a sync of one commit takes little memory.
func (b *batch) add(c model.RawCommit) {
	if n := len(c.Raw); n > cap(b.chunk)-len(b.chunk) {
		b.chunk = make([]byte, 0, max(n, min(2*cap(b.chunk), batchBytes), 4096))
	}
	at := len(b.chunk)
	b.chunk = append(b.chunk, c.Raw...)
	b.size += len(c.Raw)
	raw := b.chunk[at:len(b.chunk):len(b.chunk)]
	b.commits = append(b.commits, model.BatchCommit{RawCommit: model.RawCommit{Hash: c.Hash, Raw: raw}})
}

// reset empties the batch and keeps its memory, unless a giant commit made it large.
func (b *batch) reset() {
	clear(b.commits)
	b.commits, b.parents = b.commits[:0], b.parents[:0]
	if cap(b.chunk) > 2*batchBytes {
		b.chunk = nil
	}
	b.chunk, b.size = b.chunk[:0], 0
}

// A pipe takes commits from the goroutine that inflates them to one that scans and stores
// them. While one batch is filled the other is stored; emit waits for a free one.
type pipe struct {
	ledger Ledger
	job    model.Job
	rules  *linkRules
	cancel context.CancelCauseFunc // stops the fetch when storing failed

	now   *batch
	free  chan *batch
	ready chan *batch
	done  chan struct{}

	commits atomic.Int64 // emitted
	links   int64        // of the storing goroutine, until done
	err     error        // likewise
}

// newPipe starts the storing goroutine, which ends after close.
func newPipe(ctx context.Context, l Ledger, j model.Job, rules *linkRules, cancel context.CancelCauseFunc) *pipe {
	p := &pipe{
		ledger: l, job: j, rules: rules, cancel: cancel,
		free: make(chan *batch, 2), ready: make(chan *batch), done: make(chan struct{}),
	}
	p.free <- &batch{}
	p.free <- &batch{}
	go p.store(ctx)
	return p
}

// emit takes one commit; what it is given is copied.
func (p *pipe) emit(ctx context.Context, c model.RawCommit) error {
	if p.now != nil && p.now.full(len(c.Raw)) {
		if err := p.send(ctx); err != nil {
			return err
		}
	}
	if p.now == nil {
		select {
		case p.now = <-p.free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	p.now.add(c)
	p.commits.Add(1)
	return nil
}

func (p *pipe) send(ctx context.Context) error {
	select {
	case p.ready <- p.now:
		p.now = nil
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close sends what is left, if all went well so far, and waits until all is stored.
// The error of storing goes before the one given, which mostly follows from it.
func (p *pipe) close(ctx context.Context, err error) error {
	if err == nil && p.now != nil {
		err = p.send(ctx)
	}
	close(p.ready)
	<-p.done
	if p.err != nil {
		return p.err
	}
	return err
}

// store is the second goroutine. A panic in it would end the process: it becomes an error.
func (p *pipe) store(ctx context.Context) {
	defer close(p.done)
	defer func() {
		if r := recover(); r != nil {
			p.err = panicked(r)
			p.cancel(p.err)
		}
	}()
	for b := range p.ready {
		p.scan(b)
		if err := p.ledger.Add(ctx, p.job, b.commits); err != nil {
			p.err = fmt.Errorf("store %d commits: %w", len(b.commits), err)
			p.cancel(p.err)
			return
		}
		crash.Point("sync.batch")
		b.reset()
		p.free <- b
	}
}

// scan finds parents, time and issue keys of each commit.
func (p *pipe) scan(b *batch) {
	for i := range b.commits {
		c := &b.commits[i]
		at := len(b.parents)
		parents, when, message := c.Scan(b.parents)
		b.parents = parents
		c.Parents, c.CommittedAt = parents[at:len(parents):len(parents)], when
		c.Keys = p.rules.keys.Find(message, issuekey.Message)
		p.links += int64(len(c.Keys))
	}
}
