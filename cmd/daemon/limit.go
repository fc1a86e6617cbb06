package main

import (
	"net"
	"net/netip"
	"sync"

	"golang.org/x/net/netutil"
)

// Bounds on the connections of one listener, so that idle or slow ones can use up neither
// the file descriptors nor what others need. A proxy that is trusted may take them all.
const (
	maxConns        = 4096
	maxConnsAddress = 192 // of one remote address: what these can hold of slow bodies leaves room in webhook for others
)

// limitConns bounds the connections of l: past maxConns new ones wait, past
// perAddress those of that address are closed at once.
func limitConns(l net.Listener, perAddress int, trusted []netip.Prefix) net.Listener {
	return netutil.LimitListener(&addressLimit{Listener: l, max: perAddress, trusted: trusted, open: map[netip.Addr]int{}}, maxConns)
}

// An addressLimit is a listener that counts connections by remote address.
type addressLimit struct {
	net.Listener
	max     int
	trusted []netip.Prefix
	mu      sync.Mutex
	open    map[netip.Addr]int
}

// Accept gives the next connection whose address has not too many already.
func (l *addressLimit) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		addr, limited := l.limited(c)
		if !limited {
			return c, nil
		}
		if l.take(addr) {
			return &countedConn{Conn: c, done: sync.OnceFunc(func() { l.give(addr) })}, nil
		}
		_ = c.Close()
	}
}

// limited gives the remote address, and false for one that is not counted.
func (l *addressLimit) limited(c net.Conn) (netip.Addr, bool) {
	ap, err := netip.ParseAddrPort(c.RemoteAddr().String())
	if err != nil {
		return netip.Addr{}, false
	}
	addr := ap.Addr().Unmap()
	for _, p := range l.trusted {
		if p.Contains(addr) {
			return addr, false
		}
	}
	return addr, true
}

func (l *addressLimit) take(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[a] >= l.max {
		return false
	}
	l.open[a]++
	return true
}

func (l *addressLimit) give(a netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[a]--; l.open[a] <= 0 {
		delete(l.open, a)
	}
}

// A countedConn is given back when it is closed.
type countedConn struct {
	net.Conn
	done func()
}

// Close closes the connection; only the first call counts.
func (c *countedConn) Close() error {
	defer c.done()
	return c.Conn.Close()
}
