package store

import (
	"context"
	"sync/atomic"
	"time"
)

const (
	checkpointEvery = 300 * time.Millisecond
	// checkpointPages is the size of the log, in pages, at which the writer itself
	// copies it into the database: a bound for when nothing else does.
	checkpointPages = "16000"
)

// A checkpointer copies SQLite's log into the database file beside the writer, whose commits
// then wait for no more than their own fsync.
type checkpointer struct {
	conn    *cached
	written atomic.Bool // something was committed since the last copy
	quit    chan struct{}
	done    chan struct{}
}

func startCheckpointer(conn *cached) *checkpointer {
	c := &checkpointer{conn: conn, quit: make(chan struct{}), done: make(chan struct{})}
	go c.loop()
	return c
}

func (c *checkpointer) loop() {
	defer close(c.done)
	tick := time.NewTicker(checkpointEvery)
	defer tick.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-tick.C:
			if c.written.CompareAndSwap(true, false) {
				// A full disk shows in the writer's own commits.
				_, _ = c.conn.ExecContext(context.Background(), "PRAGMA wal_checkpoint(PASSIVE)")
			}
		}
	}
}

func (c *checkpointer) close() {
	close(c.quit)
	<-c.done
	c.conn.conn.Close()
}
