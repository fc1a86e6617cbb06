package mirror

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"issuetrail/internal/model"
)

// maxLine bounds a line of a stream, in bytes, its end included.
const maxLine = 1 << 20

// Stream runs a command at the server and calls line for each line it prints, without its
// end; what line is given is valid only until it returns. Before that it calls line with
// nil: the server runs the command from now on. An empty line is not nil.
//
// It has a connection of its own, with the keys and the host keys of the moment it begins:
// the first key that gets in, as in Open. It lasts until ctx ends, line returns an error, which Stream then returns as it is, or
// the server ends it; it never returns nil.
//
// A command may be silent for as long as it likes: whether the server lives is asked
// every Timeouts.KeepAlive, and an answer must come within Timeouts.Idle. A line longer
// than 1 MiB ends the stream; what comes after the last line end is no line. The path of
// the address is not used.
func (p *Pool) Stream(ctx context.Context, a model.Address, command string, line func([]byte) error) error {
	if err := checkCommand(command); err != nil {
		return err
	}
	c, err := p.dialAlone(ctx, a)
	if err != nil {
		return err
	}
	defer c.close()
	if err := p.adopt(c); err != nil {
		return err
	}
	pr, err := p.startProcess(ctx, c, command)
	if err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, c.close)
	defer stop()
	if err = line(nil); err == nil {
		err = readLines(pr, line)
	}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return err
	}
	return pr.stopped(a, command)
}

// dialAlone dials with the first key that gets in. No shelf holds the connection.
func (p *Pool) dialAlone(ctx context.Context, a model.Address) (*conn, error) {
	a.Path = "" // a stream is of an account
	keys, err := p.choose(ctx, a)
	if err != nil {
		return nil, err
	}
	for {
		signer, err := keys.next(ctx)
		if err != nil {
			return nil, err
		}
		c, err := p.dial(ctx, a, signer, nil)
		if err == nil {
			keys.loggedIn()
			return c, nil
		}
		if ctx.Err() != nil || !keys.refused(err, true) {
			return nil, err
		}
	}
}

// adopt makes a connection that no shelf holds end with the pool. It takes one session.
func (p *Pool) adopt(c *conn) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		c.close()
		return errClosed
	}
	c.slots, c.condemned = 1, true // it closes with its only session
	p.lone[c] = struct{}{}
	c.run(&p.wg, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.lone, c)
	})
	return nil
}

// checkCommand refuses what no host's command is; a server's shell would read it.
func checkCommand(command string) error {
	if command == "" || len(command) > 1000 || strings.HasPrefix(command, "-") ||
		strings.ContainsFunc(command, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		return fmt.Errorf("mirror: %.50q is no command to run", command)
	}
	return nil
}

// readLines gives each line to the function; nil is the end of the output, or of the connection.
func readLines(pr *process, line func([]byte) error) error {
	s := bufio.NewScanner(pr.ch) // not pr: it would end a silent stream
	s.Buffer(make([]byte, 4<<10), maxLine)
	s.Split(func(b []byte, atEOF bool) (int, []byte, error) {
		if i := bytes.IndexByte(b, '\n'); i >= 0 {
			return i + 1, bytes.TrimSuffix(b[:i], []byte{'\r'}), nil
		}
		if atEOF {
			return len(b), nil, nil // cut off in the middle
		}
		return 0, nil, nil
	})
	for s.Scan() {
		if err := line(s.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(s.Err(), bufio.ErrTooLong) {
		return limitError("a line of the stream is longer than %d bytes", maxLine)
	}
	return nil
}

// stopped says why a command ended that should have gone on.
func (pr *process) stopped(a model.Address, command string) error {
	timeout := time.After(grace)
	exited := false
	select {
	case <-pr.gone:
		exited = pr.exited
	case <-timeout:
	}
	select {
	case <-pr.read: // its text comes before the end, but is read beside it
	case <-timeout:
	}
	said := told(pr.stderr.String())
	switch {
	case said != "":
		said = "and said: " + said
	case !exited:
		return &model.Failure{Code: model.CodeUnreachable, Detail: fmt.Sprintf("%s: the connection broke off", a.HostPort())}
	default:
		said = "without a word"
	}
	return &model.Failure{
		Code: model.CodeProtocol, Detail: fmt.Sprintf("%s: %q ended %s", a.HostPort(), command, said),
		Hint: "the account of the shared key may not be allowed to run it; try it with ssh and the same key",
	}
}
