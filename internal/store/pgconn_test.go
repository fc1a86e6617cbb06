package store

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sys/unix"

	"issuetrail/internal/testpg"
)

func TestFrozenNodeHoldsNoClaims(t *testing.T) {
	b := &bed{t, Options{URL: testpg.New(t) + "&idle_in_transaction_session_timeout=200ms"}}
	s, frozen := b.open(), b.open()
	addRepo(t, s, "a/b")
	conn := must(frozen.db.(*pgEngine).db.Conn(t.Context()))(t)
	defer conn.Close()
	x := must(conn.BeginTx(t.Context(), nil))(t)
	defer x.Rollback()
	_, err := x.Exec(postgresDialect.lockClaims)
	ok(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	must(s.Claim(ctx, node1))(t)
	if x.Commit() == nil {
		t.Error("the frozen node's transaction was not ended")
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	url := testpg.New(t)
	show := func(s *Store) map[string]string {
		got := map[string]string{}
		ok(t, s.db.read(t.Context(), func(x *tx) error {
			for _, l := range sessionLimits {
				var v string
				if err := x.row(`SHOW ` + l.name).Scan(&v); err != nil {
					return err
				}
				got[l.name] = v
			}
			return nil
		}))
		return got
	}
	got := show((&bed{t, Options{URL: url}}).open())
	for name, want := range map[string]string{
		"idle_in_transaction_session_timeout": "10s", "lock_timeout": "20s", "statement_timeout": "1min",
		"tcp_keepalives_idle": "10", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3",
	} {
		if got[name] != want {
			t.Errorf("%s is %s, want %s", name, got[name], want)
		}
	}
	got = show((&bed{t, Options{URL: url + "&statement_timeout=7s&options=-c%20lock_timeout%3D3s"}}).open())
	if got["statement_timeout"] != "7s" || got["lock_timeout"] != "3s" || got["tcp_keepalives_idle"] != "10" {
		t.Errorf("with limits in the URL: %v", got)
	}
}

func TestDialNoticesSilence(t *testing.T) {
	l := must(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer l.Close()
	conf := must(pgx.ParseConfig("postgres://" + l.Addr().String() + "/x"))(t)
	dialSafely(conf)
	if conf.ConnectTimeout != postgresConnect {
		t.Errorf("connect timeout is %s", conf.ConnectTimeout)
	}
	conn := must(conf.DialFunc(t.Context(), "tcp", l.Addr().String()))(t)
	defer conn.Close()
	for _, c := range []struct{ level, option, want int }{
		{unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, 15000},
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 10},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 5},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 3},
	} {
		raw := must(conn.(*net.TCPConn).SyscallConn())(t)
		ok(t, raw.Control(func(fd uintptr) {
			if got, err := unix.GetsockoptInt(int(fd), c.level, c.option); err != nil || got != c.want {
				t.Errorf("socket option %d is %d (%v), want %d", c.option, got, err, c.want)
			}
		}))
	}
	conf = must(pgx.ParseConfig("postgres://h/x?connect_timeout=3"))(t)
	if dialSafely(conf); conf.ConnectTimeout != 3*time.Second {
		t.Errorf("the URL's connect timeout became %s", conf.ConnectTimeout)
	}
}
