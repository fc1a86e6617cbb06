package mirror

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"

	"issuetrail/internal/model"
)

// StepTLS is a step of a test over HTTPS, after StepTCP: the server's certificate is trusted.
const StepTLS = "tls"

// secured notes what came of the TLS handshake.
func (t *trail) secured(s tls.ConnectionState, unchecked bool, err error) {
	if t == nil {
		return
	}
	detail := ""
	if err == nil && len(s.PeerCertificates) > 0 {
		leaf := s.PeerCertificates[0]
		detail = fmt.Sprintf("%s, certificate of %s until %s", tls.VersionName(s.Version), told(leaf.Issuer.CommonName), leaf.NotAfter.UTC().Format("2006-01-02"))
		if unchecked {
			detail += ", which is not checked (tls_verify: false)"
		}
	}
	t.step(StepTLS, detail, err)
}

// testHTTPS is Test over HTTPS.
func (p *Pool) testHTTPS(ctx context.Context, a model.Address) (TestResult, error) {
	o, err := p.o.HTTPS(a)
	if err != nil {
		return TestResult{Steps: []Step{failedStep(StepAuthentication, err)}}, err
	}
	t := &trail{}
	r, err := p.probeHTTPS(ctx, a, o, t)
	r.Steps = t.steps
	return r, err
}

// probeHTTPS has a connection of its own, which nobody else gets.
func (p *Pool) probeHTTPS(ctx context.Context, a model.Address, o HTTPSOptions, t *trail) (r TestResult, err error) {
	config, err := tlsConfig(a, o)
	if err != nil {
		t.steps = append(t.steps, failedStep(StepTLS, err))
		return r, err
	}
	first, err := p.web.dial(ctx, a, config, t)
	if err != nil {
		return r, err
	}
	defer first.Close()
	dialled := false
	transport := newTransport(func(ctx context.Context, _, _ string) (net.Conn, error) {
		if !dialled {
			dialled = true
			return first, nil
		}
		return p.web.dial(ctx, a, config, nil) // some servers end it with each answer
	}, p.o.Timeouts)
	defer transport.CloseIdleConnections()
	s := p.startHTTPS(a, o, transport)
	defer s.Close()
	stop, err := s.begin(ctx)
	stop()
	err = s.clean(err)
	t.admitted(a, o, err)
	if err != nil {
		return r, err
	}
	list, err := s.Refs(ctx, [32]byte{})
	t.listed(s, list, err)
	if err != nil {
		return r, err
	}
	return TestResult{
		Refs: len(list.Refs), Default: list.Default, Protocol: s.version, Filter: s.canFilter(), Agent: redact(s.agent(), s.secrets),
	}, nil
}

// admitted notes what the server made of the credentials, and of the repository.
func (t *trail) admitted(a model.Address, o HTTPSOptions, err error) {
	detail := "user name and token were sent"
	if o.Token == "" {
		detail = "without credentials"
	}
	var f *model.Failure
	if errors.As(err, &f) && f.Code == model.CodeAuthFailed {
		t.step(StepAuthentication, "", err)
		return
	}
	t.stepAt(t.begun, StepAuthentication, detail, nil)
	t.greeted(a, err)
}
