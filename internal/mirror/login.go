package mirror

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A login is what is seen of a server while a key logs in. A server may exchange keys again at
// any time, and may end the connection while its host key is being judged.
type login struct {
	mu sync.Mutex
	o  outcome
}

// An outcome is what a login came to.
type outcome struct {
	hostKey   ssh.PublicKey // the first one that was shown, also if it is refused; nil = none
	judged    time.Time     // when
	refusal   error         // of that host key
	offered   bool          // the server asked for a key
	algorithm string        // that signed last; "" = none did, or the key's own
}

func (l *login) outcome() outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.o
}

// met notes what was made of a host key, and gives that.
func (l *login) met(key ssh.PublicKey, verdict error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.o.hostKey == nil {
		l.o.hostKey, l.o.judged, l.o.refusal = key, time.Now(), verdict
	}
	return verdict
}

func (l *login) offer() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.o.offered = true
}

// noting is a signer that notes with which algorithm it signs.
type noting struct {
	ssh.AlgorithmSigner
	login *login
}

// SignWithAlgorithm is for a login that the server has agreed to but for the signature.
func (n noting) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*ssh.Signature, error) {
	n.login.mu.Lock()
	n.login.o.algorithm = algorithm
	n.login.mu.Unlock()
	return n.AlgorithmSigner.SignWithAlgorithm(rand, data, algorithm)
}

// handshakeError is for a login that did not come about, host keys excepted. offered says
// that the server had asked for a key.
func handshakeError(a model.Address, key ssh.PublicKey, offered bool, err error) error {
	text := err.Error()
	var f *model.Failure
	switch {
	case errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isTimeout(err):
		f := timeoutError("%s: the SSH login was not done within the time limit", a.HostPort())
		f.Hint = "the port is open and nothing, or too little, is said there: look whether it is the SSH server that listens there, or a firewall in between that swallows what it says"
		return f
	case strings.Contains(text, "no common public key signature algorithm"), oldHostKey(err):
		return &model.Failure{
			Code: model.CodeAuthFailed, Detail: fmt.Sprintf("%s takes RSA signatures with SHA-1 only, which are refused by default", a.HostPort()), Err: fmt.Errorf("%w: %w", errAnyKey, err),
			Hint: "update the server, or set allow_sha1: true for this host in config.yaml",
		}
	case strings.Contains(text, "unable to authenticate") && !offered:
		return &model.Failure{
			Code: model.CodeAuthFailed, Detail: fmt.Sprintf("%s lets %s log in without a key, or with a password, only", a.HostPort(), a.User), Err: fmt.Errorf("%w: %w", errAnyKey, err),
			Hint: "allow public keys in the server's SSH settings (PubkeyAuthentication of OpenSSH), and check the user name in the URL",
		}
	case strings.Contains(text, "unable to authenticate"), offered && disconnected(text, true):
		return &model.Failure{
			Code: model.CodeAuthFailed, Detail: fmt.Sprintf("%s@%s refused the key %s", a.User, a.HostPort(), fingerprint(key)), Err: err,
			Hint: "add the public key to the account that shall read the repository; issuetrail key show prints it",
		}
	case strings.Contains(text, "no common algorithm"):
		return &model.Failure{
			Code: model.CodeProtocol, Detail: fmt.Sprintf("%s: no common SSH algorithm: %s", a.HostPort(), told(text)), Err: err,
			Hint: "the server's SSH software is too old, or none of its host keys is of a known type: issuetrail known-hosts scan " + a.HostPort(),
		}
	case offered && (hungUp(err) || disconnected(text, false)):
		return &model.Failure{
			Code: model.CodeUnreachable, Detail: fmt.Sprintf("%s: the server hung up when it was offered the key %s", a.HostPort(), fingerprint(key)),
			Err:  fmt.Errorf("%w: %w", errKeyOffered, err),
			Hint: fmt.Sprintf("if this stays so, the server refuses the key: add it to the account %s; issuetrail key show prints it", a.User),
		}
	case hungUp(err):
		return &model.Failure{
			Code: model.CodeUnreachable, Detail: fmt.Sprintf("%s: the server hung up during the SSH login", a.HostPort()), Err: err,
			Hint: "if this stays so: is it an SSH server that listens there, may this machine log in there, and how many connections does it take at once?",
		}
	}
	return &model.Failure{
		Code: model.CodeProtocol, Detail: fmt.Sprintf("%s: SSH login: %s", a.HostPort(), told(text)), Err: err,
		Hint: "is it an SSH server that listens there?",
	}
}

// disconnected says whether the server ended the login in so many words and, if asked, whether
// it is the key that it ended it for.
func disconnected(text string, key bool) bool {
	_, reason, ok := strings.Cut(text, "disconnect, reason ")
	return ok && (!key || strings.HasPrefix(reason, "14:") || strings.Contains(strings.ToLower(reason), "authentication"))
}

// hungUp says whether the connection ended, be it from either side.
func hungUp(err error) bool {
	text := err.Error()
	return errors.Is(err, net.ErrClosed) || strings.HasSuffix(text, "EOF") ||
		strings.Contains(text, "reset by peer") || strings.Contains(text, "broken pipe")
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
