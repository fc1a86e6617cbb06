package mirror

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// errSeen ends a handshake once the host key is known.
var errSeen = errors.New("host key seen")

// scanned are the kinds of host keys that are asked for, each in a dial of its
// own, for a server shows one at a time.
var scanned = [][]string{
	{ssh.KeyAlgoED25519},
	{ssh.KeyAlgoECDSA256},
	{ssh.KeyAlgoECDSA384},
	{ssh.KeyAlgoECDSA521},
	{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA},
}

// Scan gives the host keys that a server shows, one of each type. Nobody logs in,
// and nothing is trusted by it.
func (p *Pool) Scan(ctx context.Context, hostport string) ([]ssh.PublicKey, error) {
	keys, errs := make([]ssh.PublicKey, len(scanned)), make([]error, len(scanned))
	var wg sync.WaitGroup
	for i, algorithms := range scanned {
		wg.Go(func() { keys[i], errs[i] = p.scan(ctx, hostport, algorithms) })
	}
	wg.Wait()
	var found []ssh.PublicKey
	for _, k := range keys {
		if k != nil {
			found = append(found, k)
		}
	}
	if len(found) > 0 {
		return found, nil
	}
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return nil, protocolError("%s shows no host key of a known type", hostport)
}

// scan gives the host key of some algorithms, or nil if the server has none.
func (p *Pool) scan(ctx context.Context, hostport string, algorithms []string) (ssh.PublicKey, error) {
	raw, err := p.dialTCP(ctx, hostport)
	if err != nil {
		return nil, err
	}
	var key ssh.PublicKey
	config := &ssh.ClientConfig{User: "issuetrail", HostKeyAlgorithms: algorithms}
	config.HostKeyCallback = func(_ string, _ net.Addr, k ssh.PublicKey) error {
		key = k
		return errSeen
	}
	client, err := p.handshake(ctx, raw, hostport, config)
	switch {
	case err == nil:
		client.Close() // cannot be: the callback refuses
		return key, nil
	case key != nil, strings.Contains(err.Error(), "no common algorithm for host key"):
		return key, nil
	}
	return nil, scanError(hostport, err)
}

// scanError is handshakeError without a login.
func scanError(hostport string, err error) error {
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case isTimeout(err):
		return timeoutError("%s: no host key was shown within the time limit", hostport)
	}
	return &model.Failure{
		Code: model.CodeProtocol, Detail: hostport + ": " + told(err.Error()), Err: err,
		Hint: "is it an SSH server that listens there?",
	}
}
