package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"issuetrail/internal/crash"
)

const (
	groupSize  = 64                   // operations that share one commit
	sliceTime  = 4 * time.Millisecond // of a bulk slice, its commit aside
	bulkWaits  = 40 * time.Millisecond
	queueDepth = 1024
)

// errClosed is what an operation gets that came after Close.
var errClosed = errors.New("the store is closed")

// A writer is the one goroutine that writes to SQLite. It has two lanes:
// what somebody waits for is grouped, so that one fsync serves all that came during
// the one before; bulk slices run when nothing else waits, or when they waited long.
type writer struct {
	conn  *cached
	clock func() time.Time
	ops   chan *op
	bulk  chan *op
	quit  chan struct{}
	done  chan struct{}
	full  bool // synchronous=FULL is set
	wrote *atomic.Bool
}

// An op is one transaction on its way through the writer.
type op struct {
	name  string
	f     func(*tx) error
	err   error
	taken atomic.Bool // by the writer, or by a caller that went away
	done  chan struct{}
	since time.Time
}

func startWriter(conn *cached, clock func() time.Time, wrote *atomic.Bool) *writer {
	w := &writer{
		conn: conn, clock: clock, wrote: wrote,
		ops: make(chan *op, queueDepth), bulk: make(chan *op, queueDepth),
		quit: make(chan struct{}), done: make(chan struct{}),
	}
	go w.loop()
	return w
}

// do hands f to a lane and waits. An operation that the writer has begun is
// waited for even when ctx ends, so that its outcome is never unknown.
func (w *writer) do(ctx context.Context, lane chan *op, name string, f func(*tx) error) error {
	o := &op{name: name, f: f, done: make(chan struct{}), since: time.Now()}
	select {
	case lane <- o:
	case <-ctx.Done():
		return ctx.Err()
	case <-w.quit:
		return errClosed
	}
	select {
	case <-o.done:
	case <-ctx.Done():
		if o.taken.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		<-o.done
	case <-w.done:
		select {
		case <-o.done:
		default:
			return errClosed
		}
	}
	return known(o.err)
}

func (w *writer) loop() {
	defer close(w.done)
	var waiting *op // the bulk slice whose turn is next
	for {
		if waiting == nil {
			select {
			case waiting = <-w.bulk:
			default:
			}
		}
		if waiting != nil && time.Since(waiting.since) > bulkWaits {
			w.slice(waiting)
			waiting = nil
		}
		if group := w.gather(); len(group) > 0 {
			w.group(group)
			continue
		}
		if waiting != nil {
			w.slice(waiting)
			waiting = nil
			continue
		}
		select {
		case o := <-w.ops:
			w.group(w.gather(o))
		case waiting = <-w.bulk:
		case <-w.quit:
			return
		}
	}
}

// gather takes what waits in the interactive lane, without waiting itself.
func (w *writer) gather(group ...*op) []*op {
	for len(group) < groupSize {
		select {
		case o := <-w.ops:
			group = append(group, o)
		default:
			return group
		}
	}
	return group
}

// group runs operations in one durable transaction. One that fails undoes only
// itself; should that not work, each runs again alone.
func (w *writer) group(group []*op) {
	run := group[:0]
	for _, o := range group {
		if o.taken.CompareAndSwap(false, true) {
			run = append(run, o)
		}
	}
	if len(run) > 1 {
		if w.together(run) {
			return
		}
	}
	for _, o := range run {
		o.err = w.alone(o, true, time.Time{})
		close(o.done)
	}
}

// slice runs a bulk slice, not durable by itself.
func (w *writer) slice(o *op) {
	if o.taken.CompareAndSwap(false, true) {
		o.err = w.alone(o, false, time.Now().Add(sliceTime))
		close(o.done)
	}
}

func (w *writer) alone(o *op, durable bool, until time.Time) error {
	if err := w.begin(durable); err != nil {
		return err
	}
	if err := w.call(o, until); err != nil {
		w.rollback()
		return err
	}
	crash.Point("store." + o.name + ".commit")
	if err := w.exec("COMMIT"); err != nil {
		w.rollback()
		return err
	}
	crash.Point("store." + o.name + ".done")
	return nil
}

// together says false when nothing was kept and each operation must run alone.
func (w *writer) together(run []*op) bool {
	if w.begin(true) != nil {
		return false
	}
	for _, o := range run {
		if w.exec("SAVEPOINT op") != nil {
			w.rollback()
			return false
		}
		if o.err = w.call(o, time.Time{}); o.err != nil && w.exec("ROLLBACK TO op") != nil {
			w.rollback() // an error such as a full disk ended the whole transaction
			return false
		}
		if w.exec("RELEASE op") != nil {
			w.rollback()
			return false
		}
		crash.Point("store." + o.name + ".commit")
	}
	if w.exec("COMMIT") != nil {
		w.rollback()
		return false
	}
	for _, o := range run {
		crash.Point("store." + o.name + ".done")
		close(o.done)
	}
	return true
}

// call runs the operation; a panic in it must not end the writer.
func (w *writer) call(o *op, until time.Time) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic in store.%s: %v", o.name, r)
		}
	}()
	return o.f(&tx{ctx: context.Background(), run: w.conn, sql: sqliteDialect, until: until, clock: w.clock})
}

func (w *writer) begin(durable bool) error {
	if durable != w.full {
		mode := "PRAGMA synchronous=NORMAL"
		if durable {
			mode = "PRAGMA synchronous=FULL"
		}
		if err := w.exec(mode); err != nil {
			return err
		}
		w.full = durable
	}
	w.wrote.Store(true)
	return w.exec("BEGIN IMMEDIATE")
}

// rollback ends a transaction that failed; the engine may have ended it already.
func (w *writer) rollback() { _ = w.exec("ROLLBACK") }

func (w *writer) exec(query string) error {
	_, err := w.conn.ExecContext(context.Background(), query)
	return err
}

// close lets what is queued run, and stops.
func (w *writer) close() {
	close(w.quit)
	<-w.done
}
