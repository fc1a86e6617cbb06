package mirror

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"
)

// A conn is a held SSH connection.
type conn struct {
	client  *ssh.Client
	net     *timedConn
	timeout Timeouts
	dead    chan struct{} // closed when the connection has ended

	// Guarded by the pool's mutex.
	id        identity
	slots     int  // channels that are open or may still be, at the server
	condemned bool // takes no further sessions; closed with the last one
	expiry    *time.Timer
}

// An identity is what must be unchanged for a connection to be used again.
type identity struct {
	fingerprint string // of our key
	generation  uint64 // of the known hosts
}

// A timedConn bounds each write and remembers when the server was heard last.
type timedConn struct {
	net.Conn
	idle  time.Duration
	up    atomic.Bool  // the handshake, which has a deadline of its own, is over
	heard atomic.Int64 // nanoseconds, UnixNano
}

func (c *timedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.heard.Store(time.Now().UnixNano())
	}
	return n, err
}

func (c *timedConn) Write(b []byte) (int, error) {
	if c.up.Load() {
		_ = c.SetWriteDeadline(time.Now().Add(c.idle))
	}
	return c.Conn.Write(b)
}

// silent says how long nothing was heard.
func (c *timedConn) silent() time.Duration {
	return time.Since(time.Unix(0, c.heard.Load()))
}

// run waits for the end of the connection, and asks for a sign of life
// when nothing else does.
func (c *conn) run(wg *sync.WaitGroup, ended func()) {
	wg.Go(func() {
		_ = c.client.Wait()
		close(c.dead)
		ended()
	})
	wg.Go(c.keepAlive)
}

func (c *conn) keepAlive() {
	tick := time.NewTicker(c.timeout.KeepAlive)
	defer tick.Stop()
	for {
		select {
		case <-c.dead:
			return
		case <-tick.C:
		}
		if c.net.silent() < c.timeout.KeepAlive {
			continue
		}
		limit := time.AfterFunc(c.timeout.Idle, c.close)
		_, _, err := c.client.SendRequest("keepalive@openssh.com", true, nil)
		limit.Stop()
		if err != nil {
			c.close()
		}
	}
}

// close ends the connection at once, and whatever waits on it.
func (c *conn) close() { _ = c.net.Close() }

// A watch ends a wait that would last for ever: when the context ends, or when the server is
// silent too long while something is awaited.
type watch struct {
	idle      time.Duration
	interrupt func()
	timer     *time.Timer
	unwatch   func() bool
	once      sync.Once
	mu        sync.Mutex
	cause     error
}

// newWatch watches until stop. interrupt is called at most once.
func newWatch(ctx context.Context, idle time.Duration, interrupt func()) *watch {
	w := &watch{idle: idle, interrupt: interrupt}
	w.timer = time.AfterFunc(time.Hour, func() { w.fire(timeoutError("the server was silent for %s", idle)) })
	w.timer.Stop()
	w.unwatch = context.AfterFunc(ctx, func() { w.fire(context.Cause(ctx)) })
	return w
}

func (w *watch) fire(cause error) {
	w.once.Do(func() {
		w.mu.Lock()
		w.cause = cause
		w.mu.Unlock()
		w.interrupt()
	})
}

// arm starts the idle time, disarm ends it.
func (w *watch) arm()    { w.timer.Reset(w.idle) }
func (w *watch) disarm() { w.timer.Stop() }

func (w *watch) stop() {
	w.timer.Stop()
	w.unwatch()
}

// because gives why the watch ended the wait, or else err.
func (w *watch) because(err error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cause != nil {
		return w.cause
	}
	return err
}
