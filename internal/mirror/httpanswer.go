package mirror

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"
)

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
