package store

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"issuetrail/internal/model"
)

// unavailable wraps an error that says that PostgreSQL cannot be reached, or takes no work
// now, with model.ErrUnavailable; it gives nil for any other.
func unavailable(err error) error {
	var connect *pgconn.ConnectError
	var pg *pgconn.PgError
	var network net.Error
	switch {
	case errors.As(err, &pg):
		if !refusesWork(pg.Code) {
			return nil
		}
	case errors.As(err, &connect), errors.As(err, &network), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
	default:
		return nil
	}
	return fmt.Errorf("%w: %w", model.ErrUnavailable, err)
}

// refusesWork says whether a code of PostgreSQL is of the server or the connection, not of
// the statement.
func refusesWork(code string) bool {
	switch code {
	case "57P01", "57P02", "57P03", // admin_shutdown, crash_shutdown, cannot_connect_now
		"57P05", "25P03", // idle_session_timeout, idle_in_transaction_session_timeout
		"53300", "25006": // too_many_connections; read_only_sql_transaction, as on a standby
		return true
	}
	return strings.HasPrefix(code, "08") // connection exceptions
}
