package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"
	"golang.org/x/sync/semaphore"

	"issuetrail/internal/crash"
)

const (
	jobChannel    = "issuetrail_job"
	postgresConns = 16
	postgresSlice = 50 * time.Millisecond
	retries       = 5
)

// A pgEngine is PostgreSQL: plain transactions, and a connection that listens.
type pgEngine struct {
	db     *sql.DB
	pages  *semaphore.Weighted
	conf   *pgx.ConnConfig
	clock  func() time.Time
	log    *zap.Logger
	bell   func()
	notify chan struct{}
	stop   context.CancelFunc
	ended  chan struct{}
}

func openPostgres(ctx context.Context, o Options) (*pgEngine, error) {
	conf, err := pgx.ParseConfig(o.URL)
	if err != nil {
		return nil, errors.New("database.url is not understood: want postgres://user@host/name") // pgx's own error may show the password
	}
	if conf.RuntimeParams["application_name"] == "" {
		conf.RuntimeParams["application_name"] = "issuetrail"
	}
	dialSafely(conf)
	if err := migratePostgres(ctx, conf); err != nil {
		return nil, err
	}
	conf.AfterConnect = setLimits(conf.RuntimeParams)
	db := stdlib.OpenDB(*conf)
	db.SetMaxOpenConns(postgresConns)
	db.SetMaxIdleConns(postgresConns)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &pgEngine{
		db: db, pages: semaphore.NewWeighted(postgresConns - 6), conf: conf, clock: o.Now, log: o.Log,
		notify: make(chan struct{}, 1), ended: make(chan struct{}),
	}, nil
}

// migratePostgres works on connections of its own, without limits: a step may take long.
func migratePostgres(ctx context.Context, conf *pgx.ConnConfig) error {
	db := stdlib.OpenDB(*conf)
	defer db.Close()
	return migrate(ctx, db, postgresDialect, "")
}

// start begins to listen; bell is rung for what any node notified.
func (e *pgEngine) start(bell func()) {
	e.bell = bell
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	go func() {
		defer close(e.ended)
		told := make(chan struct{})
		go func() { defer close(told); e.tell(ctx) }()
		e.listen(ctx)
		<-told
	}()
}

// listen waits for notifications on a connection of its own, made anew after a
// failure. What is missed between two connections is found by the caller's timer.
func (e *pgEngine) listen(ctx context.Context) {
	for ctx.Err() == nil {
		err := e.listenOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		e.log.Warn("the connection that listens for jobs broke; it is made anew", zap.Error(err))
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (e *pgEngine) listenOnce(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, e.conf.Copy())
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "LISTEN "+jobChannel); err != nil {
		return err
	}
	e.bell() // whatever came while nobody listened
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
		e.bell()
	}
}

// tell notifies the other nodes, many wakes by one statement. It is not part of the
// transactions: a NOTIFY inside would make them commit one after another.
func (e *pgEngine) tell(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.notify:
			if _, err := e.db.ExecContext(ctx, "SELECT pg_notify($1, '')", jobChannel); err != nil && ctx.Err() == nil {
				e.log.Warn("other nodes could not be woken; their timers will find the job", zap.Error(err))
			}
		}
	}
}

func (e *pgEngine) wake() {
	e.bell()
	select {
	case e.notify <- struct{}{}:
	default:
	}
}

func (e *pgEngine) read(ctx context.Context, f func(*tx) error) error {
	return known(f(&tx{ctx: ctx, run: e.db, sql: postgresDialect, clock: e.clock}))
}

func (e *pgEngine) page(ctx context.Context, f func(*tx) error) error {
	if err := e.pages.Acquire(ctx, 1); err != nil {
		return err
	}
	defer e.pages.Release(1)
	return e.read(ctx, f)
}

func (e *pgEngine) write(ctx context.Context, name string, f func(*tx) error) error {
	return e.transact(ctx, name, "", f)
}

func (e *pgEngine) bulk(ctx context.Context, name string, f func(*tx) error) error {
	return e.transact(ctx, name, "SET LOCAL synchronous_commit TO OFF", f)
}

func (e *pgEngine) transact(ctx context.Context, name, setup string, f func(*tx) error) (err error) {
	for range retries {
		if err = e.once(ctx, name, setup, f); !again(err) {
			break
		}
	}
	return known(err)
}

func (e *pgEngine) once(ctx context.Context, name, setup string, f func(*tx) error) error {
	t, err := e.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer t.Rollback()
	if setup != "" {
		if _, err := t.ExecContext(ctx, setup); err != nil {
			return err
		}
	}
	x := &tx{ctx: ctx, run: t, sql: postgresDialect, until: time.Now().Add(postgresSlice), clock: e.clock}
	if err := f(x); err != nil {
		return err
	}
	crash.Point("store." + name + ".commit")
	if err := t.Commit(); err != nil {
		return err
	}
	crash.Point("store." + name + ".done")
	return nil
}

func (e *pgEngine) close() error {
	e.stop()
	<-e.ended
	return e.db.Close()
}
