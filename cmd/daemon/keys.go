package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/keystore"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
)

// keys lets the API speak to the keyring, whose errors get the API's form. After a
// change it has those repositories tried again that the key before it failed.
type keys struct {
	*keystore.Keyring
	retry func(ctx context.Context, mended func(model.RepoStatus) bool)
	rouse func() // the watch of the staged key looks again
}

func (k keys) Generate(ctx context.Context, bits int) (model.KeyInfo, error) {
	info, err := k.Keyring.Generate(ctx, bits)
	return info, k.changed(ctx, err)
}

func (k keys) Import(ctx context.Context, pem, passphrase []byte) (model.KeyInfo, string, error) {
	info, from, err := k.Keyring.Import(ctx, pem, passphrase)
	return info, from, k.changed(ctx, err)
}

func (k keys) Stage(ctx context.Context, pem, passphrase []byte) (model.KeyInfo, string, error) {
	info, from, err := k.Keyring.Stage(ctx, pem, passphrase)
	return info, from, k.staged(err)
}

func (k keys) StageNew(ctx context.Context, bits int) (model.KeyInfo, error) {
	info, err := k.Keyring.StageNew(ctx, bits)
	return info, k.staged(err)
}

func (k keys) Activate(ctx context.Context) (model.KeyInfo, error) {
	info, err := k.Keyring.Activate(ctx)
	return info, k.changed(ctx, err)
}

func (k keys) ActivateKey(ctx context.Context, fingerprint string) (model.KeyInfo, error) {
	info, err := k.Keyring.ActivateKey(ctx, fingerprint)
	return info, k.changed(ctx, err)
}

func (k keys) Rollback(ctx context.Context) (model.KeyInfo, error) {
	info, err := k.Keyring.Rollback(ctx)
	return info, k.changed(ctx, err)
}

func (k keys) Drop(ctx context.Context, role model.KeyRole) error {
	return k.staged(k.Keyring.Drop(ctx, role))
}

// Rewrap says also what is left to do for a person.
func (k keys) Rewrap(ctx context.Context) (int, string, error) {
	n, err := k.Keyring.Rewrap(ctx)
	if err != nil {
		return 0, "", keyFailure(err)
	}
	m, err := k.Keyring.Master(ctx)
	if err != nil {
		return n, "", keyFailure(err)
	}
	if m.Own {
		return n, fmt.Sprintf("the new master key is in %s; save that file anew, for older copies do not open the database any more", m.File), nil
	}
	return n, fmt.Sprintf("the second line of %s, the old master key, may be taken out on every node; keep it as long as you keep older copies of the database", m.File), nil
}

// staged is for a change that no repository waits for.
func (k keys) staged(err error) error {
	if err == nil {
		k.rouse()
	}
	return keyFailure(err)
}

// changed has the repositories tried again that may fare better with the keys that log in now.
func (k keys) changed(ctx context.Context, err error) error {
	if err != nil {
		return keyFailure(err)
	}
	k.rouse()
	k.retry(ctx, func(r model.RepoStatus) bool {
		switch r.LastFailure.Code {
		case model.CodeKeyMissing, model.CodeAuthFailed, model.CodeNotFound:
			return true
		}
		return false
	})
	return nil
}

// keyMends are what mends the errors of the keyring whose detail does not say it.
var keyMends = map[string]string{
	keystore.CodeNotStaged: "issuetrail key stage makes a new key to be tried out, or takes one from a file",
}

func keyFailure(err error) error {
	if e, ok := errors.AsType[*keystore.KeyError](err); ok {
		return &model.Failure{Code: e.Code, Detail: e.Detail, Hint: keyMends[e.Code], Err: err}
	}
	return err
}

// tester lets the API try a connection. What came of it is remembered for the status of its server.
type tester struct {
	pool     *mirror.Pool
	advise   advice
	remember func(model.Address, mirror.TestResult, error)
}

func (t tester) Test(ctx context.Context, a model.Address) (wire.TestResult, error) {
	res, err := t.pool.Test(ctx, a)
	err = t.advise(a, err)
	if ctx.Err() == nil {
		t.remember(a, res, err)
	}
	out := wire.TestResult{
		Refs: res.Refs, HostKey: orNull(res.HostKey), Key: orNull(res.Key), Algorithm: res.Algorithm,
		Protocol: res.Protocol, Filter: res.Filter, Steps: make([]wire.TestStep, len(res.Steps)),
	}
	for i, s := range res.Steps {
		out.Steps[i] = wire.TestStep{Name: s.Name, OK: s.OK, DurationMS: float64(s.Duration.Microseconds()) / 1000, Detail: s.Detail}
	}
	return out, err
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// serverFacts gives the host keys that are trusted for a server, and the algorithms that our key may sign
// with there.
func (a *app) serverFacts(to model.Address) ([]wire.ServerKey, []string) {
	found := []wire.ServerKey{}
	for _, k := range a.known.List() {
		if k.Host == to.HostPort() && k.Marker == "" {
			found = append(found, wire.ServerKey{Type: k.Type, Fingerprint: k.Fingerprint, Source: k.Source})
		}
	}
	if len(found) == 0 { // a pattern, a hashed name or an authority may speak of it
		for _, kind := range a.known.Algorithms(to.HostPort()) {
			found = append(found, wire.ServerKey{Type: kind})
		}
	}
	algorithms := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	if a.directory.Load().allowSHA1(to.HostPort()) {
		algorithms = append(algorithms, ssh.KeyAlgoRSA)
	}
	return slices.Clip(found), algorithms
}
