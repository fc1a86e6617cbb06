package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrations holds one folder for each engine, with the same numbers in both.
//
//go:embed migrations
var migrations embed.FS

// migrate makes the tables, or brings them up to date. file is that of SQLite,
// of which a copy is made before an existing schema changes; "" = no copy.
func migrate(ctx context.Context, db *sql.DB, d *dialect, file string) error {
	p, err := provider(db, d)
	if err != nil {
		return fmt.Errorf("read the migrations: %w", err)
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("read the schema's version: %w", known(err))
	}
	sources := p.ListSources()
	want := sources[len(sources)-1].Version
	switch {
	case have > want:
		return fmt.Errorf("%w: its schema is version %d, this program knows %d; install the newer version, or restore a backup",
			ErrSchemaNewer, have, want)
	case have == want:
		return nil
	case have > 0 && file != "":
		if err := backup(ctx, db, fmt.Sprintf("%s.v%d.backup", file, have)); err != nil {
			return err
		}
	}
	if _, err := p.Up(ctx); err != nil {
		return fmt.Errorf("migrate the database from version %d to %d: %w", have, want, known(err))
	}
	return nil
}

func provider(db *sql.DB, d *dialect) (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations/"+d.name)
	if err != nil {
		return nil, err
	}
	if d == sqliteDialect {
		return goose.NewProvider(goose.DialectSQLite3, db, dir)
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, dir, goose.WithSessionLocker(locker))
}

// backup writes a copy of the whole SQLite database, replacing an older one.
func backup(ctx context.Context, db *sql.DB, file string) error {
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("back up the database: %w", err)
	}
	if _, err := db.ExecContext(ctx, `VACUUM INTO $1`, file); err != nil {
		return fmt.Errorf("back up the database to %s: %w", file, known(err))
	}
	return os.Chmod(file, 0o600)
}
