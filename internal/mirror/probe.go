package mirror

import (
	"context"

	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A TestResult is what Test found, as far as it came.
type TestResult struct {
	Refs      int    // heads and tags
	Default   string // full name of the default branch; "" = it is not told
	HostKey   string // fingerprint of the server's key, "SHA256:…"; "" if none was seen
	Key       string // fingerprint of our key that was accepted, "SHA256:…"; "" = none was
	Algorithm string // how that key signed: "rsa-sha2-256"; "ssh-rsa" is SHA-1
	Filter    bool   // the server can leave trees and blobs out
	Protocol  int    // of git: 0 or 2
	Agent     string // what the server's git calls itself: "git/2.39.5"; may be empty
	Steps     []Step // in the order in which they were done
}

// Test dials the server, whatever connections are held and whichever key is remembered, logs
// in and lists the refs. It tries the keys as Open does, and the first one's result counts when
// all are refused. HostKey is set also when the host key was refused. The error is that of
// the step that failed.
func (p *Pool) Test(ctx context.Context, a model.Address) (TestResult, error) {
	if a.HTTPS() {
		return p.testHTTPS(ctx, a)
	}
	signers, err := p.signers(ctx)
	if err != nil {
		return TestResult{Steps: []Step{failedStep(StepAuthentication, err)}}, err
	}
	var first TestResult
	var firstErr error
	for i, signer := range signers[:min(len(signers), maxKeyTries)] {
		r, err := p.Probe(ctx, a, signer)
		switch {
		case err == nil:
			r.after(first, firstErr, signers[0])
			return r, nil
		case ctx.Err() != nil, !another(err):
			return r, err
		case i == 0:
			first, firstErr = r, err
		}
	}
	return first, firstErr
}

// Probe is Test with one given key, be it one of the pool's or not. Over HTTPS no key counts.
func (p *Pool) Probe(ctx context.Context, a model.Address, signer ssh.Signer) (TestResult, error) {
	if a.HTTPS() {
		return p.testHTTPS(ctx, a)
	}
	t := &trail{}
	r, err := p.probe(ctx, a, signer, t)
	r.HostKey, r.Key, r.Steps = t.hostKey, t.key, t.steps
	if r.Key != "" {
		r.Algorithm = t.way
	}
	return r, err
}

// probe has a connection of its own, which nobody else gets and which ends with it.
func (p *Pool) probe(ctx context.Context, a model.Address, signer ssh.Signer, t *trail) (r TestResult, err error) {
	c, err := p.dial(ctx, a, signer, t)
	if err != nil {
		return r, err
	}
	defer c.close()
	if err := p.adopt(c); err != nil {
		return r, err
	}
	s, err := p.start(ctx, c, a)
	if err != nil {
		t.greeted(a, err)
		return r, err
	}
	defer s.Close()
	stop, err := s.begin(ctx)
	stop()
	t.greeted(a, err)
	if err != nil {
		return r, err
	}
	list, err := s.Refs(ctx, [32]byte{})
	t.listed(s, list, err)
	if err != nil {
		return r, err
	}
	return TestResult{
		Refs: len(list.Refs), Default: list.Default, Protocol: s.version, Filter: s.canFilter(), Agent: s.agent(),
	}, nil
}

func failedStep(name string, err error) Step {
	f := stepFailure(err)
	return Step{Name: name, Detail: f.Detail, Failure: f}
}

// after tells, at the step where the first key failed, that it did; another one has worked.
func (r *TestResult) after(first TestResult, err error, key ssh.Signer) {
	if err == nil {
		return
	}
	last := first.Steps[len(first.Steps)-1]
	for i := range r.Steps {
		if r.Steps[i].Name == last.Name {
			r.Steps[i].Detail += "; not with " + fingerprint(key.PublicKey()) + ": " + last.Detail
		}
	}
}

// canFilter is filters for a session that may have found an empty repository.
func (s *Session) canFilter() bool { return s.greeted && s.filters() }

// agent is what the server's git calls itself, or "".
func (s *Session) agent() string {
	if s.version == 2 {
		return told(s.features["agent"])
	}
	if s.caps != nil {
		if v := s.caps.Get(capability.Agent); len(v) > 0 {
			return told(v[0])
		}
	}
	return ""
}
