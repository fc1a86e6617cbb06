package store

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"issuetrail/internal/model"
)

// A dialect is all that differs in the SQL text of the two engines.
type dialect struct {
	name       string
	now        string // a query of the clock, in microseconds; "" = the clock of this process
	forUpdate  string // appended to a SELECT whose rows must stay as they are until the commit
	skipLocked string // the same, passing over rows that another transaction holds
	param      string // of statements with many rows: "?", or "$" before a number
	links      string // inserts linkRows links
	lockClaims string // a statement that lets one Claim run at a time; "" = they do anyway
	lockNames  string // the same for what changes the addresses or ids of repos
	lockKeys   string // the same for ChangeKeys
	forChange  string // appended to a SELECT of a repo that will change, and lets jobs be queued for it meanwhile
}

var sqliteDialect = (&dialect{name: "sqlite", param: "?"}).init()

var postgresDialect = (&dialect{
	name:       "postgres",
	param:      "$",
	now:        `SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint`,
	forUpdate:  ` FOR UPDATE`,
	skipLocked: ` FOR UPDATE OF j SKIP LOCKED`,
	lockClaims: `SELECT pg_advisory_xact_lock(7236837)`,
	lockNames:  `SELECT pg_advisory_xact_lock(7236838)`,
	lockKeys:   `SELECT pg_advisory_xact_lock(7236839)`,
	forChange:  ` FOR NO KEY UPDATE`,
}).init()

func (d *dialect) init() *dialect {
	d.links = d.rows(insertLink, 5, linkRows)
	return d
}

// rows builds "… VALUES ($1,$2),($3,$4)" for n rows. SQLite looks numbered
// parameters up in a list, which takes long for many; there they are plain "?".
func (d *dialect) rows(head string, columns, n int) string {
	var b strings.Builder
	b.WriteString(head)
	p := 0
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range columns {
			if c > 0 {
				b.WriteByte(',')
			}
			b.WriteString(d.param)
			if p++; d.param == "$" {
				b.WriteString(strconv.Itoa(p))
			}
		}
		b.WriteByte(')')
	}
	return b.String()
}

// known turns the errors of both drivers that mean something to a caller into
// the model's.
func known(err error) error {
	var lite *sqlite.Error
	var pg *pgconn.PgError
	var connect *pgconn.ConnectError
	switch {
	case err == nil, errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded) && !errors.As(err, &connect):
		return err
	case errors.As(err, &lite):
		switch code := lite.Code(); {
		case code == sqlite3.SQLITE_CONSTRAINT_UNIQUE, code == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return model.ErrExists
		case code&0xff == sqlite3.SQLITE_FULL, code == sqlite3.SQLITE_IOERR_WRITE, code == sqlite3.SQLITE_IOERR_FSYNC:
			return diskFull(err)
		}
	case errors.As(err, &pg):
		switch pg.Code {
		case "23505": // unique_violation
			return model.ErrExists
		case "53100": // disk_full
			return diskFull(err)
		}
	}
	if away := unavailable(err); away != nil {
		return away
	}
	return err
}

func diskFull(err error) error {
	return &model.Failure{
		Code:   model.CodeDiskFull,
		Detail: "the disk of the database is full",
		Hint:   "make room on it; issuetrail goes on by itself",
		Err:    err,
	}
}

// again says that a transaction failed only because another one ran beside it.
func again(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return false
	}
	switch pg.Code {
	case "40001", "40P01": // serialization_failure, deadlock_detected
		return true
	case "23505": // a job came to wait between two looks
		return pg.ConstraintName == "job_waiting" || pg.ConstraintName == "job_running"
	case "23503": // a repo was removed between two looks
		return true
	}
	return false
}
