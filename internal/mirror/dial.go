package mirror

import (
	"context"
	"net"
	"slices"
	"time"

	gitssh "github.com/go-git/go-git/v5/plumbing/transport/ssh"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// clientVersion is how the daemon names itself to servers.
const clientVersion = "SSH-2.0-issuetrail"

// dial connects to the server and logs in. t notes the steps; it may be nil.
func (p *Pool) dial(ctx context.Context, a model.Address, signer ssh.Signer, t *trail) (*conn, error) {
	raw, err := p.dialTCP(t.dialling(ctx, p.o.Allow()), a.HostPort())
	t.dialled(a, raw, err, p.o.Allow())
	if err != nil {
		return nil, err
	}
	l := &login{}
	auth := gitssh.PublicKeysCallback{User: a.User, Callback: func() ([]ssh.Signer, error) {
		l.offer()
		return p.ways(a.HostPort(), signer, l), nil
	}}
	auth.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		return l.met(key, p.o.HostKeys.Check(a.HostPort(), key))
	}
	auth.HostKeyAlgorithms = hostKeyAlgorithms(p.o.HostKeys.Algorithms(a.HostPort()), p.o.AllowSHA1(a.HostPort()))
	config, err := auth.ClientConfig()
	if err != nil {
		raw.Close()
		return nil, err
	}
	client, err := p.handshake(ctx, raw, a.HostPort(), config)
	got := l.outcome()
	if got.refusal != nil {
		err = got.refusal // whatever else went wrong: nothing that the server says counts
	} else if err != nil {
		err = handshakeError(a, signer.PublicKey(), got.offered, err)
	}
	t.loggedIn(signer.PublicKey(), got, err)
	if err != nil {
		return nil, err
	}
	return &conn{client: client, net: raw, timeout: p.o.Timeouts, dead: make(chan struct{})}, nil
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

// ways keeps an RSA key from signing with SHA-1, unless the server is
// known to need it. There it is tried last, for some servers promise
// algorithms that they then refuse. l notes which one was used.
func (p *Pool) ways(hostport string, signer ssh.Signer, l *login) []ssh.Signer {
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
		if s, err := ssh.NewSignerWithAlgorithms(noting{as, l}, algorithms); err == nil {
			out = append(out, s)
		}
	}
	return out
}

// hostKeyAlgorithms gives the signature algorithms of the known key types, in their order: an RSA
// key may sign in three ways. Else the server would choose a key that is not the known one. All others
// come last: a server that has no key of a known type any more shows the one it has, and is
// refused with both fingerprints. Of a server of which nothing is known the key is asked
// for that a scan lists first, so that a person sees one fingerprint in both. Signatures
// with SHA-1 are taken from servers alone that are known to need them.
func hostKeyAlgorithms(types []string, sha1 bool) []string {
	var out []string
	add := func(algorithms ...string) {
		for _, a := range algorithms {
			old := a == ssh.KeyAlgoRSA || a == ssh.CertAlgoRSAv01
			if !slices.Contains(out, a) && (sha1 || !old) {
				out = append(out, a)
			}
		}
	}
	for _, t := range types {
		switch t {
		case ssh.KeyAlgoRSA:
			add(ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA)
		case ssh.CertAlgoRSAv01:
			add(ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01, ssh.CertAlgoRSAv01)
		default:
			add(t)
		}
	}
	for _, algorithms := range scanned {
		add(algorithms...)
	}
	return out
}
