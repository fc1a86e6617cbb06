package mirror

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// clientVersion is how the daemon names itself to servers.
const clientVersion = "SSH-2.0-issuetrail"

// dial connects to the server and logs in. seen gets the fingerprint of
// the host key, also of one that is refused.
func (p *Pool) dial(ctx context.Context, a model.Address, signer ssh.Signer, seen *string) (*conn, error) {
	raw, err := p.dialTCP(ctx, a.HostPort())
	if err != nil {
		return nil, err
	}
	var refusal error
	var first sync.Once // a server may exchange keys again at any time, beside whoever reads these
	auth := gitssh.PublicKeysCallback{User: a.User, Callback: func() ([]ssh.Signer, error) {
		return p.signers(a.HostPort(), signer), nil
	}}
	auth.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		err := p.o.HostKeys.Check(a.HostPort(), key)
		first.Do(func() { *seen, refusal = ssh.FingerprintSHA256(key), err })
		return err
	}
	auth.HostKeyAlgorithms = hostKeyAlgorithms(p.o.HostKeys.Algorithms(a.HostPort()), p.o.AllowSHA1(a.HostPort()))
	config, err := auth.ClientConfig()
	if err != nil {
		raw.Close()
		return nil, err
	}
	client, err := p.handshake(ctx, raw, a.HostPort(), config)
	if refusal != nil {
		return nil, refusal
	}
	if err != nil {
		return nil, handshakeError(a, signer.PublicKey(), err)
	}
	return &conn{
		client: client, net: raw, hostKey: *seen, timeout: p.o.Timeouts, dead: make(chan struct{}),
	}, nil
}

// dialTCP never asks a proxy, whatever the environment says.
func (p *Pool) dialTCP(ctx context.Context, hostport string) (*timedConn, error) {
	d := net.Dialer{Timeout: p.o.Timeouts.Dial, Control: guard(p.o.Allow())}
	c, err := d.DialContext(ctx, "tcp", hostport)
	if err != nil {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, dialError(hostport, err)
	}
	return &timedConn{Conn: c, idle: p.o.Timeouts.Idle}, nil
}

// handshake does banner, key exchange and login, all of it within one
// deadline: ssh.ClientConfig.Timeout would cover the TCP connection only.
func (p *Pool) handshake(ctx context.Context, raw *timedConn, hostport string, config *ssh.ClientConfig) (*ssh.Client, error) {
	config.ClientVersion = clientVersion
	_ = raw.SetDeadline(time.Now().Add(p.o.Timeouts.Handshake))
	unwatch := context.AfterFunc(ctx, func() { raw.Close() })
	c, channels, requests, err := ssh.NewClientConn(raw, hostport, config)
	if !unwatch() && err == nil {
		c.Close()
		err = ctx.Err()
	}
	if err != nil {
		raw.Close()
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	raw.up.Store(true)
	_ = raw.SetDeadline(time.Time{})
	return ssh.NewClient(c, channels, requests), nil
}

// signers keeps an RSA key from signing with SHA-1, unless the server is
// known to need it. There it is tried last, for some servers promise
// algorithms that they then refuse.
func (p *Pool) signers(hostport string, signer ssh.Signer) []ssh.Signer {
	as, ok := signer.(ssh.AlgorithmSigner)
	if !ok || signer.PublicKey().Type() != ssh.KeyAlgoRSA {
		return []ssh.Signer{signer}
	}
	ways := [][]string{{ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512}}
	if p.o.AllowSHA1(hostport) {
		ways = append(ways, []string{ssh.KeyAlgoRSA})
	}
	var out []ssh.Signer
	for _, algorithms := range ways {
		if s, err := ssh.NewSignerWithAlgorithms(as, algorithms); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// hostKeyAlgorithms gives the signature algorithms of the known key types:
// an RSA key may sign in three ways. Without it the server would choose a
// key that is not the known one. Of a server of which nothing is known the key is asked
// for that a scan lists first, so that a person sees one fingerprint in both. Signatures
// with SHA-1 are taken from servers alone that are known to need them.
func hostKeyAlgorithms(types []string, sha1 bool) []string {
	var out []string
	if len(types) == 0 {
		out = slices.Concat(scanned...)
	}
	for _, t := range types {
		switch t {
		case ssh.KeyAlgoRSA:
			out = append(out, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA)
		case ssh.CertAlgoRSAv01:
			out = append(out, ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSAv01)
		default:
			out = append(out, t)
		}
	}
	if len(types) > 0 {
		slices.Sort(out) // ecdsa, rsa-sha2, ssh-ed25519, ssh-rsa: any order will do, as long as it is one
	}
	if !sha1 {
		out = slices.DeleteFunc(out, func(a string) bool { return a == ssh.KeyAlgoRSA || a == ssh.CertAlgoRSAv01 })
	}
	return slices.Compact(out)
}

// handshakeError is for a login that did not come about, host keys excepted.
func handshakeError(a model.Address, key ssh.PublicKey, err error) error {
	text := err.Error()
	var f *model.Failure
	switch {
	case errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isTimeout(err):
		return timeoutError("%s: the SSH login was not done within the time limit", a.HostPort())
	case strings.Contains(text, "no common public key signature algorithm"), oldHostKey(err):
		return &model.Failure{
			Code: model.CodeAuthFailed, Detail: fmt.Sprintf("%s takes RSA signatures with SHA-1 only, which are refused by default", a.HostPort()), Err: err,
			Hint: "update the server, or set allow_sha1: true for this host in config.yaml",
		}
	case strings.Contains(text, "unable to authenticate"):
		return &model.Failure{
			Code: model.CodeAuthFailed, Detail: fmt.Sprintf("%s@%s refused the key %s", a.User, a.HostPort(), fingerprint(key)), Err: err,
			Hint: "add the public key to the account that shall read the repository; issuetrail key show prints it",
		}
	case strings.Contains(text, "no common algorithm"):
		return &model.Failure{
			Code: model.CodeProtocol, Detail: fmt.Sprintf("%s: no common SSH algorithm: %s", a.HostPort(), told(text)), Err: err,
			Hint: "the server's SSH software is too old, or none of its host keys is of a known type: issuetrail known-hosts scan " + a.HostPort(),
		}
	case errors.Is(err, net.ErrClosed), strings.HasSuffix(text, "EOF"), strings.Contains(text, "reset by peer"):
		return &model.Failure{Code: model.CodeUnreachable, Detail: fmt.Sprintf("%s: the server hung up during the SSH login", a.HostPort()), Err: err}
	}
	return &model.Failure{
		Code: model.CodeProtocol, Detail: fmt.Sprintf("%s: SSH login: %s", a.HostPort(), told(text)), Err: err,
		Hint: "is it an SSH server that listens there?",
	}
}

// oldHostKey says whether a server signs with SHA-1 alone by a key that would else do.
func oldHostKey(err error) bool {
	var n *ssh.AlgorithmNegotiationError
	return errors.As(err, &n) && slices.Contains(n.RequestedAlgorithms, ssh.KeyAlgoRSA) &&
		slices.Contains(n.SupportedAlgorithms, ssh.KeyAlgoRSASHA256)
}

// fingerprint names a key as people compare it: type, size, hash.
func fingerprint(key ssh.PublicKey) string {
	if c, ok := key.(ssh.CryptoPublicKey); ok {
		if r, ok := c.CryptoPublicKey().(*rsa.PublicKey); ok {
			return fmt.Sprintf("RSA %d %s", r.N.BitLen(), ssh.FingerprintSHA256(key))
		}
	}
	return key.Type() + " " + ssh.FingerprintSHA256(key)
}
