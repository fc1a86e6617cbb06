package main

import (
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"issuetrail/internal/testssh"
)

// A proxy is a TCP server before an sshd, that may fall silent.
type proxy struct {
	port   int
	mu     sync.Mutex
	target string // "" = accept and never speak
	limit  int64  // bytes that the server may say on each connection; < 0 = all
	conns  []net.Conn
	stuck  chan struct{} // gets one for each connection that fell silent
}

// newProxy listens on loopback until the test ends.
func newProxy(t *testing.T, target string, limit int64) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{port: l.Addr().(*net.TCPAddr).Port, target: target, limit: limit, stuck: make(chan struct{}, 100)}
	t.Cleanup(func() {
		l.Close()
		p.turn(target, limit)
	})
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(c)
		}
	}()
	return p
}

// turn ends all connections and sends those to come elsewhere.
func (p *proxy) turn(target string, limit int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.target, p.limit = target, limit
	for _, c := range p.conns {
		c.Close()
	}
	p.conns = nil
}

func (p *proxy) serve(c net.Conn) {
	p.mu.Lock()
	target, limit := p.target, p.limit
	p.conns = append(p.conns, c)
	p.mu.Unlock()
	if target == "" {
		p.stuck <- struct{}{}
		return
	}
	up, err := net.Dial("tcp", target)
	if err != nil {
		c.Close()
		return
	}
	p.mu.Lock()
	p.conns = append(p.conns, up)
	p.mu.Unlock()
	go func() { _, _ = io.Copy(up, c); up.Close() }()
	if limit >= 0 {
		if n, _ := io.CopyN(c, up, limit); n == limit {
			p.stuck <- struct{}{}
			return // the connection stays open
		}
	} else {
		_, _ = io.Copy(c, up)
	}
	c.Close()
}

// url is the clone URL of a repository of s by way of the proxy.
func (p *proxy) url(s *testssh.Server, dir string) string {
	return strings.Replace(s.URL(dir), s.HostPort(), fmt.Sprintf("127.0.0.1:%d", p.port), 1)
}

// known are the lines of known_hosts that trust the host keys of s behind the proxy.
func (p *proxy) known(s *testssh.Server) string {
	return strings.ReplaceAll(s.KnownHosts(), fmt.Sprintf(":%d ", s.Port), fmt.Sprintf(":%d ", p.port))
}
