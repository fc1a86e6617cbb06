// Package store is everything that is remembered: one method is one transaction
// (or, where its comment says so, several short ones), on SQLite or PostgreSQL.
package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/model"
)

// ErrSchemaNewer says that the database was written by a newer issuetrail.
var ErrSchemaNewer = errors.New("the database is newer than this program")

// Options say where the database is.
type Options struct {
	URL        string           // "" = SQLite in DataDir; postgres://… = PostgreSQL
	DataDir    string           // holds issuetrail.db and lock; needed for SQLite alone
	Log        *zap.Logger      // nil = none
	GraphBytes int64            // bound of the cached commit graphs; 0 = 48 MiB
	Now        func() time.Time // for tests; nil = the clock of the database

	// Identify gives what a repo is known by; host is the name of a hosts entry, "" = the
	// one that the address belongs to. It must not change while the store is open, but for what
	// DeclareRepos then takes over. nil = the address itself.
	Identify func(host string, a model.Address) model.Identity
	// Belongs gives the hosts entry that a repo now belongs to which was added by hand; host is the
	// one it was added under. DeclareRepos asks it. nil = that one for ever.
	Belongs func(host string, a model.Address) string
	// Moved gives the clone URL of a repo that is now called name; "" = it cannot be. nil = none can.
	Moved func(r model.Repo, name string) string
	// PullRequestKeys finds the issue keys that a pull request of a repo names. nil = none.
	PullRequestKeys func(r model.Repo, p model.PullRequest) []model.IssueKey
}

// A Store is an open database. Its methods may be called from many goroutines.
type Store struct {
	db      engine
	log     *zap.Logger
	pack    *packer
	deletes chan struct{} // has something in it when DeleteRepo left rows
	graphs  *graphCache
	adding  *ingests
	wakeup  chan struct{}
	later   *background
	sweeps  sweeps
	naming  naming
	closed  func() error
}

// Open opens the database, and makes or migrates it. On SQLite it frees the
// leases of the daemon before this one and locks DataDir. An error that wraps
// ErrSchemaNewer means that nothing was written.
func Open(ctx context.Context, o Options) (*Store, error) {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.GraphBytes == 0 {
		o.GraphBytes = 48 << 20
	}
	s := &Store{
		log: o.Log, pack: newPacker(), adding: newIngests(),
		deletes: make(chan struct{}, 1),
		graphs:  newGraphCache(o.GraphBytes), wakeup: make(chan struct{}, 1),
		naming: newNaming(o),
	}
	s.later = newBackground(ctx)
	s.closed = sync.OnceValue(func() error {
		s.later.close()
		s.graphs.close()
		return s.db.close()
	})
	if o.URL == "" {
		e, err := openSQLite(ctx, o)
		if err != nil {
			s.later.close()
			s.graphs.close()
			return nil, err
		}
		e.bell = s.ring
		s.db = e
		if err := s.freeLeases(ctx); err != nil {
			s.Close()
			return nil, fmt.Errorf("free the leases of the last run: %w", err)
		}
	} else {
		e, err := openPostgres(ctx, o)
		if err != nil {
			s.later.close()
			s.graphs.close()
			return nil, err
		}
		s.db = e
		e.start(s.ring)
	}
	s.later.run(s.purgeDeleted)
	return s, nil
}

// Close ends what runs and closes the database. Closing again does nothing.
func (s *Store) Close() error { return s.closed() }

// Wake has something in it when a job may be due, put there by this node or,
// on PostgreSQL, by any other.
func (s *Store) Wake() <-chan struct{} { return s.wakeup }

func (s *Store) ring() {
	select {
	case s.wakeup <- struct{}{}:
	default:
	}
}
