package mirror

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

const (
	maxStderr = 4 << 10         // bytes of stderr that are kept
	grace     = 2 * time.Second // for a server to close a channel
)

// A process is a command at the server, mostly git-upload-pack, seen through its channel.
type process struct {
	pool   *Pool
	conn   *conn
	ch     ssh.Channel
	stderr *tail
	read   chan struct{} // closed when stderr has been read to its end
	gone   chan struct{} // closed when both sides have closed the channel
	exited bool          // the server told how the command ended; set before gone is closed
	watch  *watch        // of the call that is running; set by during
}

// A tail keeps the first bytes written to it, and takes the rest.
type tail struct {
	mu sync.Mutex
	b  []byte
}

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b = append(t.b, b[:min(len(b), maxStderr-len(t.b))]...)
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.b)
}

// startProcess opens a channel and runs a command there, with variables that the server
// may ignore. The slot of the connection is given back when the channel is gone, or at
// once on an error.
func (p *Pool) startProcess(ctx context.Context, c *conn, command string, env ...[2]string) (*process, error) {
	w := newWatch(ctx, p.o.Timeouts.Idle, func() { p.giveUp(c, nil) })
	defer w.stop()
	w.arm()
	ch, requests, err := c.client.OpenChannel("session", nil)
	if err != nil {
		p.release(c)
		return nil, w.because(channelError(err))
	}
	pr := &process{pool: p, conn: c, ch: ch, stderr: &tail{}, read: make(chan struct{}), gone: make(chan struct{})}
	p.wg.Go(func() { pr.drain(requests) })
	p.wg.Go(func() { defer close(pr.read); _, _ = io.Copy(pr.stderr, ch.Stderr()) })
	for _, kv := range env {
		if err == nil {
			_, err = ch.SendRequest("env", false, ssh.Marshal(struct{ Name, Value string }{kv[0], kv[1]}))
		}
	}
	if err == nil {
		var ok bool
		ok, err = ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{command}))
		if err == nil && !ok {
			word, _, _ := strings.Cut(command, " ")
			err = protocolError("the server refuses to run %s", word)
		}
	}
	if err != nil {
		pr.hangUp()
		return nil, w.because(channelError(err))
	}
	return pr, nil
}

// drain answers the server's requests until the channel is gone.
func (pr *process) drain(requests <-chan *ssh.Request) {
	for r := range requests {
		pr.exited = pr.exited || r.Type == "exit-status" || r.Type == "exit-signal"
		if r.WantReply {
			_ = r.Reply(false, nil)
		}
	}
	close(pr.gone)
	pr.pool.release(pr.conn)
}

// giveUp ends a wait on a server that does not answer. A connection that others use
// as well is given some time, for closing the channel may be enough.
func (p *Pool) giveUp(c *conn, gone <-chan struct{}) {
	p.condemn(c)
	if p.alone(c) {
		c.close()
		return
	}
	time.AfterFunc(grace, func() {
		select {
		case <-gone:
		default:
			c.close()
		}
	})
}

// during watches the process until the returned function is called.
func (pr *process) during(ctx context.Context) (stop func()) {
	w := newWatch(ctx, pr.conn.timeout.Idle, func() {
		pr.pool.giveUp(pr.conn, pr.gone)
		_ = pr.ch.Close()
	})
	pr.watch = w
	return w.stop
}

// Read reads what the process writes. io.EOF is its end.
func (pr *process) Read(b []byte) (int, error) {
	pr.watch.arm()
	n, err := pr.ch.Read(b)
	pr.watch.disarm()
	if err != nil {
		err = pr.watch.because(err)
	}
	return n, err
}

// Write writes to the process, in pieces, so that each one has the idle time.
func (pr *process) Write(b []byte) (n int, err error) {
	for len(b) > 0 && err == nil {
		var m int
		pr.watch.arm()
		m, err = pr.ch.Write(b[:min(len(b), 32<<10)])
		pr.watch.disarm()
		n, b = n+m, b[m:]
	}
	if err != nil {
		err = pr.watch.because(err)
	}
	return n, err
}

// hangUp closes the channel whatever the process does. A server that does
// not close it too loses the connection.
func (pr *process) hangUp() {
	_ = pr.ch.Close()
	time.AfterFunc(5*grace, func() {
		select {
		case <-pr.gone:
		default:
			pr.conn.close()
		}
	})
}

// because gives why the watch ended a wait, or else err.
func (pr *process) because(err error) error { return pr.watch.because(err) }

// lost gives the connection up if the process ended without a word.
func (pr *process) lost() bool {
	select {
	case <-pr.read:
	case <-time.After(grace):
	}
	if pr.stderr.String() != "" {
		return false
	}
	pr.pool.condemn(pr.conn)
	return true
}

// leave tells a process that awaits a request that none will come.
func (pr *process) leave(awaited bool) {
	if !awaited {
		pr.hangUp()
		return
	}
	stop := pr.during(context.Background())
	_, _ = pr.Write([]byte("0000"))
	stop()
	pr.finish()
}

// finish ends a process that has nothing more to say: it is told so, and ends
// by itself. The caller does not wait for it.
func (pr *process) finish() {
	_ = pr.ch.CloseWrite()
	time.AfterFunc(grace, func() {
		select {
		case <-pr.gone:
		default:
			pr.hangUp()
		}
	})
}

// ended says why the process ended where more was expected.
func (pr *process) ended() error {
	select {
	case <-pr.read: // the text comes before the end, but is read beside it
	case <-time.After(grace):
	}
	select {
	case <-pr.conn.dead:
		if pr.stderr.String() == "" {
			return &model.Failure{Code: model.CodeUnreachable, Detail: "the connection broke off"}
		}
	default:
	}
	return refused(pr.stderr.String())
}

// uploadPack is the command line, quoted as git quotes it.
func uploadPack(path string) string {
	if strings.HasPrefix(path, "/~") {
		path = path[1:]
	}
	return "git-upload-pack '" + strings.NewReplacer("'", `'\''`, "!", `'\!'`).Replace(path) + "'"
}

// channelError is for a channel that did not open.
func channelError(err error) error {
	if f, ok := err.(*model.Failure); ok {
		return f
	}
	return &model.Failure{
		Code: model.CodeUnreachable, Detail: fmt.Sprintf("the server opens no session: %s", told(err.Error())), Err: err,
	}
}
