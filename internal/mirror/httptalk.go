package mirror

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"

	"issuetrail/internal/model"
)

const (
	// userAgent begins as git's own does: some servers and proxies know git by it.
	userAgent = "git/2.0 (issuetrail)"

	greetingType = "application/x-git-upload-pack-advertisement"
	requestType  = "application/x-git-upload-pack-request"
	answerType   = "application/x-git-upload-pack-result"

	// maxGreeting bounds the first answer, in bytes: in version 0 it lists all refs.
	maxGreeting = 2 << 30
	// maxRest bounds what is read of an answer after its end, so that the connection can be used again.
	maxRest = 16 << 10
	// zipFrom is the size from which on a request is compressed, as git does it.
	zipFrom = 1 << 10
)

// An httpTalk is a conversation over HTTPS, in git's smart protocol: the greeting is the answer
// to a GET, each request a POST.
type httpTalk struct {
	pool      *Pool
	to        model.Address
	o         HTTPSOptions
	transport *http.Transport
	base      *url.URL // of the repository; a redirection may change its path
	wire      *wire
	ctx       context.Context // of all requests
	end       context.CancelCauseFunc
	watch     *watch // of the call that is running; set by during

	asked bool          // for the greeting
	two   bool          // the greeting was of version 2
	body  io.ReadCloser // of the answer; nil before the first
	in    *bufio.Reader // of body
	read  bool          // the answer, to its end
}

// startHTTPS makes a session that has not begun.
func (p *Pool) startHTTPS(a model.Address, o HTTPSOptions, transport *http.Transport) *Session {
	t := &httpTalk{pool: p, to: a, o: o, transport: transport}
	t.base = &url.URL{Scheme: model.SchemeHTTPS, Host: webHost(a), Path: strings.TrimRight(a.Path, "/")}
	t.ctx, t.end = context.WithCancelCause(p.web.ctx)
	t.wire = newWire(t)
	return &Session{pool: p, address: a, talk: t, wire: t.wire, secrets: o.secrets()}
}

// webHost is the server as a URL names it.
func webHost(a model.Address) string {
	if a.Port == 443 {
		return strings.TrimSuffix(a.HostPort(), ":443")
	}
	return a.HostPort()
}

func (t *httpTalk) during(ctx context.Context) (stop func()) {
	w := newWatch(ctx, t.pool.o.Timeouts.Idle, func() { t.end(errGivenUp) })
	t.watch = w
	return w.stop
}

var errGivenUp = errors.New("given up")

func (t *httpTalk) because(err error) error { return t.watch.because(err) }

func (t *httpTalk) lost() bool { return false }

func (t *httpTalk) ended() error {
	return protocolError("%s: the server's answer ended too early", t.to.HostPort())
}

// Read reads the answer, the greeting first.
func (t *httpTalk) Read(b []byte) (int, error) {
	if !t.asked {
		t.asked = true
		if err := t.greeting(); err != nil {
			return 0, err
		}
	}
	if t.in == nil {
		return 0, io.EOF
	}
	return t.in.Read(b)
}

// Write sends a request and waits for the first of the answer.
func (t *httpTalk) Write(request []byte) (int, error) {
	t.rest()
	t.wire.r, t.wire.w = 0, 0
	body, zipped := request, len(request) > zipFrom
	if zipped {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(request)
		_ = z.Close()
		body = b.Bytes()
	}
	req, err := t.request(http.MethodPost, "/git-upload-pack", "", body)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", requestType)
	req.Header.Set("Accept", answerType)
	if zipped {
		req.Header.Set("Content-Encoding", "gzip")
	}
	if t.two {
		req.Header.Set("Git-Protocol", "version=2")
	}
	resp, err := t.do(req)
	if err != nil {
		return 0, err
	}
	if err := t.check(resp, answerType); err != nil {
		return 0, err
	}
	t.take(resp, t.pool.o.Limits.Pack+maxGreeting)
	return len(request), nil
}

// request makes a request for a path below the repository. It may be sent again by itself: it
// changes nothing at the server.
func (t *httpTalk) request(method, path, query string, body []byte) (*http.Request, error) {
	to := *t.base
	to.Path, to.RawQuery = to.Path+path, query
	req, err := http.NewRequestWithContext(t.ctx, method, to.String(), nil)
	if err != nil {
		return nil, err
	}
	if body != nil {
		get := func() (io.ReadCloser, error) { return io.NopCloser(&uploading{bytes.NewReader(body), t.watch}), nil }
		req.GetBody, req.ContentLength = get, int64(len(body))
		req.Header["Idempotency-Key"] = []string{} // is not sent, and lets a connection that was closed meanwhile be replaced
	}
	req.Header.Set("User-Agent", userAgent)
	if t.o.Token != "" {
		req.SetBasicAuth(t.o.User, t.o.Token)
	}
	return req, nil
}

// An uploading is a request's body; each piece has the idle time.
type uploading struct {
	*bytes.Reader
	watch *watch
}

// Read reads a piece.
func (u *uploading) Read(b []byte) (int, error) {
	u.watch.arm()
	return u.Reader.Read(b[:min(len(b), 32<<10)])
}

// WriteTo hides that of the reader, which would give all at once.
func (u *uploading) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{u})
}

// do sends a request and waits for the first of the answer. A kept connection may end just when
// it is taken; then the request is sent again.
func (t *httpTalk) do(req *http.Request) (*http.Response, error) {
	for try := 0; ; try++ {
		var kept atomic.Bool
		ctx := httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotConn: func(i httptrace.GotConnInfo) { kept.Store(i.Reused) }})
		if req.GetBody != nil {
			req.Body, _ = req.GetBody()
		}
		t.watch.arm()
		resp, err := t.transport.RoundTrip(req.WithContext(ctx))
		t.watch.disarm()
		if err == nil {
			return resp, nil
		}
		if !kept.Load() || try > idleConns || isTimeout(err) || t.watch.because(t.ctx.Err()) != nil {
			return nil, t.watch.because(httpError(t.to.HostPort(), err))
		}
	}
}

// greeting asks for the version and its features or, in version 0, for the refs.
func (t *httpTalk) greeting() error {
	for hop := 0; ; hop++ {
		req, err := t.request(http.MethodGet, infoRefs, serviceQuery, nil)
		if err != nil {
			return err
		}
		req.Header.Set("Accept", "*/*")
		req.Header.Set("Pragma", "no-cache")
		req.Header.Set("Git-Protocol", "version=2")
		resp, err := t.do(req)
		if err != nil {
			return err
		}
		if where := resp.Header.Get("Location"); resp.StatusCode/100 == 3 && where != "" {
			t.take(resp, maxRest)
			t.rest()
			if err := t.follow(req.URL, where, hop); err != nil {
				return err
			}
			continue
		}
		if err := t.check(resp, greetingType); err != nil {
			return err
		}
		t.take(resp, maxGreeting)
		t.begin()
		return nil
	}
}
