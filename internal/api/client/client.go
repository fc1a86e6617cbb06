// Package client speaks to a running daemon: over its control socket, or over
// HTTP with a token. The commands are made of it.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"issuetrail/internal/api/wire"
)

// ErrNoDaemon is in the chain of errors that mean that nothing listens there.
var ErrNoDaemon = errors.New("no daemon answers")

// Options say where the daemon is: Socket, or Server with Token.
type Options struct {
	Socket string // path of the control socket
	Server string // base URL, such as https://trail.example.com; it wins over Socket
	Token  string // API token, for Server
}

// A Client makes the calls of the API. It is safe for concurrent use. Calls fail
// with *wire.Problem when the daemon refused, and with ErrNoDaemon in the chain
// when there is none.
type Client struct {
	where string // for messages
	base  string // without a trailing slash
	token string
	open  bool // what is sent can be read on the way: plain HTTP to another machine
	http  *http.Client
}

// New makes a client. It does not connect.
func New(o Options) (*Client, error) {
	c := &Client{http: &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if o.Server == "" {
		if o.Socket == "" {
			return nil, errors.New("neither a control socket nor a server URL is given")
		}
		c.where, c.base = o.Socket, "http://control.socket"
		c.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", o.Socket)
		}}
		return c, nil
	}
	u, err := url.Parse(o.Server)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the server must be given as https://HOST[:PORT]")
	}
	c.base = strings.TrimSuffix(u.String(), "/")
	c.where, c.token = c.base, strings.TrimSpace(o.Token)
	c.open = u.Scheme == "http" && !loopback(u.Hostname())
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = 0 // a dry run of relinking takes its time
	c.http.Transport = t
	return c, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// maxAnswer bounds what is read of an answer, in bytes.
const maxAnswer = 256 << 20

// call sends in as JSON, unless it is nil, and reads the answer into out, unless
// that is nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
		body = bytes.NewReader(b)
	}
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, body)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if in != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	return c.read(resp, out)
}

func (c *Client) read(resp *http.Response, out any) error {
	body := io.LimitReader(resp.Body, maxAnswer)
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch {
	case kind == "application/problem+json":
		var p wire.Problem
		if err := json.NewDecoder(body).Decode(&p); err != nil {
			return fmt.Errorf("read answer of %s: %w", c.where, err)
		}
		return &p
	case resp.StatusCode == http.StatusNoContent:
		return nil
	case resp.StatusCode/100 != 2 || kind != "application/json":
		return fmt.Errorf("%s answered %s, and not as issuetrail does", c.where, resp.Status)
	case out == nil:
		return nil
	}
	if err := json.NewDecoder(body).Decode(out); err != nil {
		return fmt.Errorf("read answer of %s: %w", c.where, err)
	}
	return nil
}

// unreachable tells "nothing listens there" from other failures to connect.
func (c *Client) unreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // the URL says nothing that where does not say
	}
	switch {
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
		return fmt.Errorf("%w on %s; start one with: issuetrail serve", ErrNoDaemon, c.where)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("open %s: permission denied; the control socket is for its owner and group", c.where)
	}
	return fmt.Errorf("reach %s: %w", c.where, err)
}

// pollEvery is how often WaitSync asks.
const pollEvery = 150 * time.Millisecond
