// Package store is everything that is remembered: one method is one transaction
// (or, where its comment says so, several short ones), on SQLite or PostgreSQL.
package store

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// ErrSchemaNewer says that the database was written by a newer issuetrail.
var ErrSchemaNewer = errors.New("the database is newer than this program")

// Options say where the database is.
type Options struct {
	URL        string           // "" = SQLite in DataDir; postgres://… = PostgreSQL
	DataDir    string           // holds trail.db and lock; needed for SQLite alone
	Log        *zap.Logger      // nil = none
	GraphBytes int64            // bound of the cached commit graphs; 0 = 48 MiB
	Now        func() time.Time // for tests; nil = the clock of the database
}

// A Store is an open database. Its methods may be called from many goroutines.
type Store struct{}

// Open opens the database, and makes or migrates it.
func Open(ctx context.Context, o Options) (*Store, error) { return &Store{}, nil }

// Close ends what runs and closes the database.
func (s *Store) Close() error { return nil }
