package main

import (
	"net"
	"net/netip"
	"testing"
)

// One address cannot take all connections; what it closes it may open again, and a
// trusted proxy is not counted.
func TestConnectionsOfOneAddress(t *testing.T) {
	for _, c := range []struct {
		trusted []netip.Prefix
		want    int
	}{{nil, 2}, {[]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, 5}} {
		raw, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer raw.Close()
		l := limitConns(raw, 2, c.trusted)
		accepted := make(chan net.Conn, 10)
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				accepted <- conn
			}
		}()
		dial := func() net.Conn {
			conn, err := net.Dial("tcp", raw.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			return conn
		}
		closed := 0
		for range 5 {
			client := dial()
			defer client.Close()
			select {
			case server := <-accepted:
				defer server.Close()
			case <-readEnd(client):
				closed++
			}
		}
		if 5-closed != c.want {
			t.Errorf("trusted %v: %d of 5 were let in, want %d", c.trusted, 5-closed, c.want)
		}
	}
}

// readEnd yields when the other side has closed the connection.
func readEnd(c net.Conn) <-chan struct{} {
	end := make(chan struct{})
	go func() {
		_, _ = c.Read(make([]byte, 1))
		close(end)
	}()
	return end
}
