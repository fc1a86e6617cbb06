package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/semaphore"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	readers   = 6 // connections that only read
	forShorts = 2 // of them, kept from page
)

// databaseFile is the name of the SQLite database in the data folder.
const databaseFile = "issuetrail.db"

// A liteEngine is SQLite: one writer, several readers.
type liteEngine struct {
	db      *sql.DB
	lock    *os.File
	w       *writer
	copier  *checkpointer
	readers chan *cached
	pages   *semaphore.Weighted
	opened  int // readers
	clock   func() time.Time
	bell    func()
}

func openSQLite(ctx context.Context, o Options) (_ *liteEngine, err error) {
	if o.DataDir == "" {
		return nil, errors.New("open the database: no data_dir is given")
	}
	if err := os.MkdirAll(o.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	lock, err := lockDir(o.DataDir)
	if err != nil {
		return nil, err
	}
	e := &liteEngine{lock: lock, clock: o.Now, readers: make(chan *cached, readers), pages: semaphore.NewWeighted(readers - forShorts)}
	if e.clock == nil {
		e.clock = time.Now
	}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	file := filepath.Join(o.DataDir, databaseFile)
	if e.db, err = sql.Open("sqlite", liteDSN(file)); err != nil {
		return nil, fmt.Errorf("open %s: %w", file, err)
	}
	if err := migrate(ctx, e.db, sqliteDialect, file); err != nil {
		return nil, err
	}
	conn, err := e.connect(ctx, "PRAGMA cache_size=-16000", "PRAGMA wal_autocheckpoint="+checkpointPages, "PRAGMA journal_size_limit=67108864")
	if err != nil {
		return nil, err
	}
	beside, err := e.connect(ctx, "PRAGMA synchronous=FULL")
	if err != nil {
		return nil, err
	}
	e.copier = startCheckpointer(beside)
	e.w = startWriter(conn, e.clock, &e.copier.written)
	for range readers {
		conn, err := e.connect(ctx, "PRAGMA query_only=1", "PRAGMA cache_size=-2000")
		if err != nil {
			return nil, err
		}
		e.readers <- conn
		e.opened++
	}
	return e, nil
}

func liteDSN(file string) string {
	q := url.Values{"_txlock": {"immediate"}, "_pragma": {
		"busy_timeout(5000)", "journal_mode(WAL)", "journal_size_limit(16777216)", "foreign_keys(1)", "temp_store(2)",
	}}
	return (&url.URL{Scheme: "file", Path: file, RawQuery: q.Encode()}).String()
}

// lockDir keeps a second daemon out of the folder, as long as this process lives.
func lockDir(dir string) (*os.File, error) {
	file := filepath.Join(dir, "lock")
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data folder: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("another issuetrail daemon uses %s (%s is locked)", dir, file)
	}
	return f, nil
}

func (e *liteEngine) connect(ctx context.Context, setup ...string) (*cached, error) {
	conn, err := e.db.Conn(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	for _, s := range setup {
		if _, err := conn.ExecContext(ctx, s); err != nil {
			return nil, fmt.Errorf("open the database: %s: %w", s, err)
		}
	}
	return &cached{conn: conn, stmts: map[string]*sql.Stmt{}}, nil
}

// read lets f go on when ctx ends: it is short, and a ctx that can end costs a goroutine
// for each statement.
func (e *liteEngine) read(ctx context.Context, f func(*tx) error) error {
	return e.reader(ctx, context.Background(), f)
}

func (e *liteEngine) page(ctx context.Context, f func(*tx) error) error {
	if err := e.pages.Acquire(ctx, 1); err != nil {
		return err
	}
	defer e.pages.Release(1)
	err := e.reader(ctx, ctx, f)
	if err != nil && ctx.Err() != nil {
		return ctx.Err() // SQLite says only that it was interrupted
	}
	return err
}

// reader runs f with the ctx running, on the next reader that is free before ctx ends.
func (e *liteEngine) reader(ctx, running context.Context, f func(*tx) error) error {
	select {
	case c := <-e.readers:
		defer func() { e.readers <- c }()
		return known(f(&tx{ctx: running, run: c, sql: sqliteDialect, clock: e.clock}))
	case <-ctx.Done():
		return ctx.Err()
	case <-e.w.quit:
		return errClosed
	}
}

func (e *liteEngine) write(ctx context.Context, name string, f func(*tx) error) error {
	return e.w.do(ctx, e.w.ops, name, f)
}

func (e *liteEngine) bulk(ctx context.Context, name string, f func(*tx) error) error {
	return e.w.do(ctx, e.w.bulk, name, f)
}

func (e *liteEngine) wake() { e.bell() }

// close waits for the readers, so that no query runs on a closed connection.
func (e *liteEngine) close() error {
	if e.w != nil {
		e.w.close()
		for range e.opened {
			c := <-e.readers
			c.conn.Close()
		}
		e.w.conn.conn.Close()
	}
	if e.copier != nil {
		e.copier.close()
	}
	var err error
	if e.db != nil {
		err = e.db.Close()
	}
	return errors.Join(err, e.lock.Close())
}
