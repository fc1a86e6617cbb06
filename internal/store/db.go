package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// A runner runs statements: a transaction, a connection or a pool.
type runner interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// An engine is a kind of database. The functions handed to it may be called
// more than once: they must not keep what an earlier call found.
type engine interface {
	// read runs f outside of any transaction.
	read(ctx context.Context, f func(*tx) error) error
	// page is read for what may take long, such as a page of a list. f ends with ctx. Some
	// connections are kept from it, so that what is short never waits for it; f must
	// not ask the engine again.
	page(ctx context.Context, f func(*tx) error) error
	// write runs f in a transaction that is durable when write returns nil. name
	// says which step it is, for the crash marks.
	write(ctx context.Context, name string, f func(*tx) error) error
	// bulk runs f in a transaction that may be lost by a power cut, until the next
	// write. f ends soon after spent says so.
	bulk(ctx context.Context, name string, f func(*tx) error) error
	// wake tells all nodes that a job may be due.
	wake()
	close() error
}

// A tx is what a method of the store works with.
type tx struct {
	ctx   context.Context
	run   runner
	sql   *dialect
	until time.Time // when a bulk slice should end
	clock func() time.Time
	at    time.Time
}

// spent says that a bulk slice has had its time.
func (t *tx) spent() bool { return !time.Now().Before(t.until) }

// now is the time of the database's clock, one for the whole transaction, so that
// nodes with differing clocks agree on leases.
func (t *tx) now() (time.Time, error) {
	if !t.at.IsZero() {
		return t.at, nil
	}
	if t.clock != nil {
		t.at = fromMicros(t.clock().UnixMicro())
		return t.at, nil
	}
	var us int64
	if err := t.row(t.sql.now).Scan(&us); err != nil {
		return time.Time{}, fmt.Errorf("read the database's clock: %w", err)
	}
	t.at = fromMicros(us)
	return t.at, nil
}

// due is the time of the database's clock for one of this node's clock, which may differ;
// a time that is past, or zero, is now.
func (t *tx) due(at time.Time) (time.Time, error) {
	now, err := t.now()
	if err != nil {
		return now, err
	}
	here := now
	if t.clock == nil {
		here = time.Now()
	}
	return now.Add(max(0, at.Sub(here))), nil
}

// exec runs a statement and gives the number of rows it changed.
func (t *tx) exec(query string, args ...any) (int64, error) {
	r, err := t.run.ExecContext(t.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

func (t *tx) row(query string, args ...any) *sql.Row {
	return t.run.QueryRowContext(t.ctx, query, args...)
}

// each calls f for every row of a query; f scans it.
func (t *tx) each(query string, args []any, f func(*sql.Rows) error) error {
	rows, err := t.run.QueryContext(t.ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// micros is how times are stored: microseconds since 1970 in UTC, the zero time as 0.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// flag is how truths are stored: 0 and 1, the same on both engines.
func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
