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
	"time"

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

// begin passes over the line that names the service, which not all servers send, and looks
// for the version.
func (t *httpTalk) begin() {
	if line := t.peek(); bytes.HasPrefix(line, []byte("# service=")) {
		_, _ = t.in.Discard(4 + len(line))
		if b, _ := t.in.Peek(4); string(b) == "0000" {
			_, _ = t.in.Discard(4)
		}
	}
	t.two = strings.TrimSpace(string(t.peek())) == "version 2"
}

// peek gives what the next packet line carries, if it is a short one.
func (t *httpTalk) peek() []byte {
	b, err := t.in.Peek(4)
	if err != nil {
		return nil
	}
	n := hexLength(b)
	if n <= 4 || n > 200 {
		return nil
	}
	if b, err = t.in.Peek(n); err != nil {
		return nil
	}
	return b[4:]
}

// take makes an answer the one that is read, up to a number of bytes.
func (t *httpTalk) take(resp *http.Response, limit int64) {
	a := &answer{talk: t, body: resp.Body, left: limit}
	t.body, t.in = resp.Body, bufio.NewReaderSize(a, 64<<10)
	t.read = false
}

// An answer reads a body, each piece within the idle time.
type answer struct {
	talk *httpTalk
	body io.Reader
	left int64
}

// Read reads a piece. io.EOF is the end of a whole answer.
func (a *answer) Read(b []byte) (int, error) {
	t := a.talk
	t.watch.arm()
	n, err := a.body.Read(b)
	t.watch.disarm()
	if a.left -= int64(n); a.left < 0 {
		return 0, limitError("%s: the answer is too large", t.to.HostPort())
	}
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		t.read = true
		return n, io.EOF
	}
	if err != nil {
		err = t.watch.because(httpError(t.to.HostPort(), err))
	}
	return n, err
}

// rest reads what may follow an answer after its end, mostly nothing, and is done with it.
func (t *httpTalk) rest() {
	if t.body == nil {
		return
	}
	if !t.read {
		_, _ = io.CopyN(io.Discard, t.in, maxRest)
	}
	t.body.Close()
	t.body, t.in = nil, nil
}

// leave lets the connection be used again where the answer was read to its end.
func (t *httpTalk) leave(bool) {
	if t.body == nil || t.read || !t.pool.web.later(t.settle) {
		t.hangUp()
	}
}

// settle is rest, for a short time.
func (t *httpTalk) settle() {
	stop := t.during(t.ctx)
	defer stop()
	limit := time.AfterFunc(grace, func() { t.end(errGivenUp) })
	defer limit.Stop()
	t.rest()
	t.end(errGivenUp)
}

func (t *httpTalk) hangUp() {
	t.end(errGivenUp)
	if t.body != nil {
		t.body.Close()
		t.body, t.in = nil, nil
	}
}
