package store

import (
	"context"
	"fmt"
	"net"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sys/unix"
)

const (
	postgresConnect = 10 * time.Second
	// postgresSilence is how long a server may leave what we sent unanswered by its TCP.
	postgresSilence = 15 * time.Second
)

// sessionLimits are set on every connection, unless the URL sets them. A node that
// freezes or loses its network within a transaction would hold its locks, that of all
// claims among them, until the server's TCP gives up after hours. These end it in seconds.
var sessionLimits = []struct{ name, value string }{
	{"idle_in_transaction_session_timeout", "10s"},
	{"lock_timeout", "20s"}, // longer than a frozen node is borne
	{"statement_timeout", "60s"},
	{"tcp_keepalives_idle", "10"},
	{"tcp_keepalives_interval", "5"},
	{"tcp_keepalives_count", "3"},
}

// setLimits gives a hook for new connections. The limits are no start-up parameters, for
// poolers such as PgBouncer refuse those that they do not know.
func setLimits(own map[string]string) pgconn.AfterConnectFunc {
	var b strings.Builder
	for _, l := range sessionLimits {
		if _, set := own[l.name]; !set && !strings.Contains(own["options"], l.name) {
			fmt.Fprintf(&b, "SET %s = '%s';", l.name, l.value)
		}
	}
	sets := b.String()
	return func(ctx context.Context, c *pgconn.PgConn) error {
		if err := c.Exec(ctx, sets).Close(); err != nil {
			return fmt.Errorf("set the limits of a connection to PostgreSQL: %w", err)
		}
		return nil
	}
}

// dialSafely makes connections notice a server that went away without a word, within
// seconds, whether or not something was sent to it.
func dialSafely(conf *pgx.ConnConfig) {
	if conf.ConnectTimeout == 0 {
		conf.ConnectTimeout = postgresConnect
	}
	conf.DialFunc = (&net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: 10 * time.Second, Interval: 5 * time.Second, Count: 3},
		Control:         limitSilence,
	}).DialContext
}

// limitSilence bounds how long sent data may stay unacknowledged. Keep-alives are not
// sent as long as there is such data.
func limitSilence(network, _ string, c syscall.RawConn) error {
	if !strings.HasPrefix(network, "tcp") {
		return nil
	}
	var failed error
	err := c.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(postgresSilence.Milliseconds()))
	})
	if err != nil {
		return err
	}
	return failed
}
