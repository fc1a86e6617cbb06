package mirror

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"sync"
	"time"

	"issuetrail/internal/model"
)

// HTTPSOptions are what is set for a server that is spoken to over HTTPS.
type HTTPSOptions struct {
	User, Token string // of HTTP Basic; Token "" = nobody logs in
	CAs         []byte // PEM: authorities that are trusted beside the system's
	Insecure    bool   // the certificate is not checked
}

// How connections over HTTPS are kept between syncs.
const (
	idleConns    = 4 // per server
	idleConnTime = 90 * time.Second
	maxHeader    = 256 << 10 // bytes of an answer's headers
)

// A web holds the connections over HTTPS.
type web struct {
	pool *Pool
	ctx  context.Context // ends with the pool
	end  context.CancelCauseFunc
	wg   sync.WaitGroup // goroutines that read the rest of an answer

	mu      sync.Mutex
	closed  bool
	servers map[string]*webServer // by host:port
	conns   map[*webConn]struct{}
}

// A webServer has the connections to one server, with one set of trusted authorities.
type webServer struct {
	transport *http.Transport
	cas       []byte
	insecure  bool
	made      time.Time
}

// A webConn tells when it is closed.
type webConn struct {
	*timedConn
	web *web
}

// Close closes the connection.
func (c *webConn) Close() error {
	c.web.mu.Lock()
	delete(c.web.conns, c)
	c.web.mu.Unlock()
	return c.timedConn.Close()
}

func newWeb(p *Pool) *web {
	w := &web{pool: p, servers: map[string]*webServer{}, conns: map[*webConn]struct{}{}}
	w.ctx, w.end = context.WithCancelCause(context.Background())
	return w
}

// openHTTPS starts a session. Nothing is dialled yet: Refs and Fetch do.
func (p *Pool) openHTTPS(a model.Address) (*Session, error) {
	o, err := p.o.HTTPS(a)
	if err != nil {
		return nil, err
	}
	transport, err := p.web.transport(a, o)
	if err != nil {
		return nil, err
	}
	return p.startHTTPS(a, o, transport), nil
}

// transport gives the connections to a server, other ones when its settings have changed.
func (w *web) transport(a model.Address, o HTTPSOptions) (*http.Transport, error) {
	now, old, err := w.serverOf(a, o)
	if err != nil {
		return nil, err
	}
	if old != nil {
		old.transport.CloseIdleConnections() // not with the mutex, which each connection's end takes
	}
	return now.transport, nil
}

// serverOf gives the server and, where its settings have changed, what it was.
func (w *web) serverOf(a model.Address, o HTTPSOptions) (now, old *webServer, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil, nil, errClosed
	}
	old = w.servers[a.HostPort()]
	if old != nil && old.insecure == o.Insecure && bytes.Equal(old.cas, o.CAs) && time.Since(old.made) < w.pool.o.Timeouts.MaxAge {
		return old, nil, nil
	}
	config, err := tlsConfig(a, o)
	if err != nil {
		return nil, nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return w.dial(ctx, a, config, nil) }
	now = &webServer{newTransport(dial, w.pool.o.Timeouts), bytes.Clone(o.CAs), o.Insecure, time.Now()}
	w.servers[a.HostPort()] = now
	return now, old, nil
}

// newTransport asks no proxy, whatever the environment says, and follows nothing.
func newTransport(dial func(ctx context.Context, network, address string) (net.Conn, error), t Timeouts) *http.Transport {
	return &http.Transport{
		DialTLSContext: dial, ForceAttemptHTTP2: true,
		MaxIdleConnsPerHost: idleConns, IdleConnTimeout: idleConnTime, MaxResponseHeaderBytes: maxHeader,
		HTTP2: &http.HTTP2Config{SendPingTimeout: t.KeepAlive, PingTimeout: t.Idle},
	}
}

// tlsConfig has what is needed to trust the server.
func tlsConfig(a model.Address, o HTTPSOptions) (*tls.Config, error) {
	c := &tls.Config{
		MinVersion: tls.VersionTLS12, ServerName: a.Host, NextProtos: []string{"h2", "http/1.1"},
		InsecureSkipVerify: o.Insecure, // tls_verify: false, which a person wrote
	}
	if len(o.CAs) == 0 {
		return c, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(o.CAs) {
		return nil, &model.Failure{
			Code: model.CodeUnreachable, Detail: a.HostPort() + ": the ca_file of this host holds no certificate",
			Hint: "put the certificate of the authority there, in PEM: -----BEGIN CERTIFICATE-----",
		}
	}
	c.RootCAs = pool
	return c, nil
}

// dial connects and does the TLS handshake. t notes the steps; it may be nil.
func (w *web) dial(ctx context.Context, a model.Address, config *tls.Config, t *trail) (*tls.Conn, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(w.ctx, func() { cancel(errClosed) })()
	allow := w.pool.o.Allow()
	raw, err := w.pool.dialTCP(t.dialling(ctx, allow), a.HostPort())
	t.dialled(a, raw, err, allow)
	if err != nil {
		return nil, err
	}
	raw.up.Store(true) // each write has a deadline from now on
	c := &webConn{raw, w}
	if !w.adopt(c) {
		return nil, errClosed
	}
	within, done := context.WithTimeout(ctx, w.pool.o.Timeouts.Handshake)
	defer done()
	secure := tls.Client(c, config)
	if err := secure.HandshakeContext(within); err != nil {
		c.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		err = tlsError(a.HostPort(), err)
		t.secured(tls.ConnectionState{}, false, err)
		return nil, err
	}
	t.secured(secure.ConnectionState(), config.InsecureSkipVerify, nil)
	return secure, nil
}

// adopt makes a connection end with the pool; false = that has ended already.
func (w *web) adopt(c *webConn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		c.timedConn.Close()
		return false
	}
	w.conns[c] = struct{}{}
	return true
}

// later runs f beside the caller, unless the pool is closed.
func (w *web) later(f func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.closed {
		w.wg.Go(f)
	}
	return !w.closed
}

// close ends all connections, and the sessions on them.
func (w *web) close() {
	w.mu.Lock()
	w.closed = true
	conns := make([]*webConn, 0, len(w.conns))
	for c := range w.conns {
		conns = append(conns, c)
	}
	w.mu.Unlock()
	w.end(errClosed)
	for _, c := range conns {
		c.Close()
	}
	for _, s := range w.servers { // nobody else touches them any more
		s.transport.CloseIdleConnections()
	}
	w.wg.Wait()
}
