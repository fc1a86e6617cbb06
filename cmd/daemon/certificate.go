package main

import (
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"
)

// A certificate is read again when its file changes, so that a renewal needs no
// restart and no reload.
type certificate struct {
	certFile, keyFile string
	mu                sync.Mutex
	current           *tls.Certificate
	changed, checked  time.Time
}

// load reads the pair from disk.
func (c *certificate) load() error {
	info, err := os.Stat(c.certFile)
	if err != nil {
		return fmt.Errorf("server.tls.cert_file: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("server.tls: %w", err)
	}
	c.current, c.changed, c.checked = &pair, info.ModTime(), time.Now()
	return nil
}

// get looks at the file every ten seconds at most. A pair that cannot be read
// leaves the old one in force.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.checked) > 10*time.Second {
		c.checked = time.Now()
		if info, err := os.Stat(c.certFile); err == nil && !info.ModTime().Equal(c.changed) {
			_ = c.load()
		}
	}
	return c.current, nil
}
