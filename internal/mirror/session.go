package mirror

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"issuetrail/internal/model"
)

// A Session is a conversation with one repository. It is for one goroutine:
// Refs and Fetch, each once, then Close.
type Session struct {
	pool    *Pool
	address model.Address
	keys    *choice // what it may go on with where its key is refused; nil = nothing
	held    bool    // the connection was there before
	talk    talk
	wire    *wire

	version  int // 0 or 2, once greeted
	greeted  bool
	over     bool             // the server awaits nothing more
	caps     *capability.List // version 0: of the first line
	features map[string]string
	list     []byte // version 0: the refs that came with the greeting; see listing

	secrets []string // what no failure may repeat
}

// start opens a session on the connection, whose slot it takes over.
func (p *Pool) start(ctx context.Context, c *conn, a model.Address) (*Session, error) {
	// Most servers refuse the variable without a word, and git there speaks version 0.
	pr, err := p.startProcess(ctx, c, uploadPack(a.Path), [2]string{"GIT_PROTOCOL", "version=2"})
	if err != nil {
		return nil, err
	}
	return &Session{pool: p, address: a, talk: pr, wire: newWire(pr)}, nil
}

// Close ends the session. It does not wait for the server.
func (s *Session) Close() error {
	if s.talk == nil {
		return nil
	}
	s.talk.leave(s.greeted && !s.over)
	s.talk = nil
	return nil
}

// begin watches the conversation until stop is called, and greets. A held connection may end
// just when it is taken, for some servers end it with each session; then another one is
// tried, once. A key that the server lets in and then refuses leads to the next one.
func (s *Session) begin(ctx context.Context) (stop func(), err error) {
	for again := false; ; {
		stop = s.talk.during(ctx)
		if err = s.greet(); err == nil || ctx.Err() != nil {
			return stop, err
		}
		if !again && s.gone(err) {
			again = true
			s.keys.again()
		} else if !s.keys.refused(err, false) {
			return stop, err
		}
		stop()
		if err := s.reopen(ctx); err != nil {
			return func() {}, err
		}
	}
}

// gone says whether a held connection ended beneath the session, which tells nothing of the
// repository.
func (s *Session) gone(err error) bool {
	var f *model.Failure
	broken := errors.Is(err, errSilent) || errors.As(err, &f) && f.Code == model.CodeUnreachable
	return s.held && broken && s.talk.because(nil) == nil && s.talk.lost()
}

// greet reads what the server says first: the version and its features or, in
// version 0, the refs at once.
func (s *Session) greet() error {
	if s.greeted {
		return nil
	}
	kind, line, err := s.wire.packet()
	if err != nil {
		return s.failed(err)
	}
	if kind == data && strings.TrimSpace(string(line)) == "version 1" {
		kind, line, err = s.wire.packet()
	}
	switch {
	case err != nil:
		return s.failed(err)
	case kind == data && strings.TrimSpace(string(line)) == "version 2":
		s.version = 2
		err = s.readFeatures()
	case kind == data:
		err = s.readAdvertised(line)
	default: // version 0 of an empty repository
		s.caps, s.over = capability.NewList(), true
	}
	s.greeted = err == nil
	return err
}

// readFeatures reads the features of version 2: "fetch=shallow filter".
func (s *Session) readFeatures() error {
	s.features = map[string]string{}
	for n := 0; ; n++ {
		kind, line, err := s.wire.packet()
		if err != nil {
			return s.failed(err)
		}
		if kind != data {
			break
		}
		if n == 1000 {
			return protocolError("the server's list of features does not end")
		}
		if err := serverError(line); err != nil {
			return err
		}
		name, value, _ := strings.Cut(strings.TrimSpace(string(line)), "=")
		if len(s.features) < 100 {
			s.features[name] = value
		}
	}
	if s.features["object-format"] == "sha256" {
		return unsupportedError()
	}
	return nil
}

// filters says whether the server offers to leave trees and blobs out.
func (s *Session) filters() bool {
	if s.version == 2 {
		return hasWord(s.features["fetch"], "filter")
	}
	return s.caps.Supports("filter")
}

func hasWord(list, word string) bool {
	for w := range strings.FieldsSeq(list) {
		if w == word {
			return true
		}
	}
	return false
}

// failed says why reading failed, by the server's own words if it died.
func (s *Session) failed(err error) error {
	if cause := s.talk.because(nil); cause != nil {
		return cause
	}
	var f *model.Failure
	switch {
	case errors.As(err, &f):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return s.talk.ended()
	}
	return &model.Failure{Code: model.CodeUnreachable, Detail: "the connection broke off: " + told(err.Error()), Err: err}
}

// serverError gives the failure of an "ERR text" line, or nil.
func serverError(line []byte) error {
	if text, ok := strings.CutPrefix(string(line[:min(len(line), maxStderr)]), "ERR "); ok {
		return refused(text)
	}
	return nil
}
