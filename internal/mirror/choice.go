package mirror

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// maxKeyTries bounds the keys that one session is tried with.
const maxKeyTries = 4

// A key is one of the shared keys, with its name.
type key struct {
	ssh.Signer
	name string // "SHA256:…"
}

// A choice is the keys that a session may be opened with. Each is tried on a connection of its
// own: Azure takes the first key that it is offered, whichever it is. A choice that is nil has
// no other key.
type choice struct {
	pool     *Pool
	address  model.Address
	account  account
	path     string
	set      []key  // all of them, the one that should do first
	mark     string // of the set; see recall
	queue    []key  // those not tried yet, the next one first
	cur      key    // the one that was taken last
	failures map[string]failedKey
}

// A failedKey says why a key did not do.
type failedKey struct {
	err   error
	login bool // it did not get in; else the repository was refused or not found
}

// choose asks for the keys, and puts the one first that worked the last time.
func (p *Pool) choose(ctx context.Context, a model.Address) (*choice, error) {
	c := &choice{pool: p, address: a, account: account{a.User, a.HostPort()}, path: a.Path, failures: map[string]failedKey{}}
	if err := c.load(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *choice) load(ctx context.Context) error {
	signers, err := c.pool.signers(ctx)
	if err != nil {
		return err
	}
	c.set = c.set[:0]
	for _, s := range signers {
		c.set = append(c.set, key{s, ssh.FingerprintSHA256(s.PublicKey())})
	}
	var best string
	c.mark, best = c.pool.recalled(c.set, c.account, c.path)
	spared := c.pool.spared(c.account, c.set, best)
	c.queue = slices.DeleteFunc(slices.Clone(c.set), func(k key) bool { _, tried := c.failures[k.name]; return tried || spared[k.name] })
	if i := slices.IndexFunc(c.queue, func(k key) bool { return k.name == best }); i > 0 {
		k := c.queue[i]
		c.queue = slices.Insert(slices.Delete(c.queue, i, i+1), 0, k)
	}
	return nil
}

// signers gives the shared keys, at least one.
func (p *Pool) signers(ctx context.Context) ([]ssh.Signer, error) {
	signers, err := p.o.Keys.Signers(ctx)
	if err == nil && len(signers) == 0 {
		err = &model.Failure{Code: model.CodeKeyMissing, Detail: "there is no SSH key"}
	}
	return signers, err
}

// next gives the key to try now. When all have been tried it asks for them once more, for they
// may have changed meanwhile; the error is then that of the first one.
func (c *choice) next(ctx context.Context) (ssh.Signer, error) {
	if len(c.queue) == 0 && len(c.failures) < maxKeyTries {
		if err := c.load(ctx); err != nil {
			return nil, err
		}
	}
	if len(c.queue) == 0 {
		if f, ok := c.failures[c.set[0].name]; ok {
			return nil, f.err
		}
		return nil, c.failures[c.cur.name].err
	}
	c.cur, c.queue = c.queue[0], c.queue[1:]
	return c.cur.Signer, nil
}

// again lets the key that was taken last be the next one: a session that has begun ends with it.
func (c *choice) again() {
	if c != nil {
		c.queue = slices.Insert(slices.Clone(c.queue), 0, c.cur)
	}
}

// refused notes what the key met with, and says whether another key might do better.
func (c *choice) refused(err error, login bool) bool {
	if c == nil || !another(err) {
		return false
	}
	c.failures[c.cur.name] = failedKey{err, login}
	// A server that says nothing may have had another reason; then the key is tried again.
	if login && c.cur.name != c.set[0].name && !errors.Is(err, errKeyOffered) {
		c.pool.spare(c.mark, c.account, c.cur.name)
	}
	return true
}

// loggedIn remembers, for the account, a key that got in where the first one did not.
func (c *choice) loggedIn() {
	c.remember(place{c.account, ""}, c.failures[c.set[0].name].login)
}

// worked remembers, for the repository, a key that found it where the first one got in and
// did not.
func (c *choice) worked() {
	if c != nil {
		f, failed := c.failures[c.set[0].name]
		c.remember(place{c.account, c.path}, failed && !f.login)
	}
}

func (c *choice) remember(where place, instead bool) {
	told := StandIn{To: c.address, All: where.path == "", First: c.set[0].name, Key: c.cur.name}
	switch {
	case c.cur.name == c.set[0].name:
		if told.Over = c.pool.recall(c.mark, where, ""); told.Over {
			c.pool.o.StandIn(told)
		}
	case instead && c.pool.recall(c.mark, where, c.cur.name):
		c.pool.o.StandIn(told)
	}
}

// errKeyOffered is in the chain of the failure of a connection that ended when a key had been
// offered: some servers say nothing else of a key that they do not know.
var errKeyOffered = errors.New("the server ended the connection when the key was offered")

// errAnyKey is in the chain of a refusal that would be the same with every key.
var errAnyKey = errors.New("the server takes no such key")

// another says whether another key might do better. What is wrong with the way to the server,
// or with its host key, is so for every key, and one that is silent is not waited for twice.
func another(err error) bool {
	if errors.Is(err, errKeyOffered) {
		return true
	}
	var f *model.Failure
	return errors.As(err, &f) && (f.Code == model.CodeAuthFailed || f.Code == model.CodeNotFound) && !errors.Is(err, errAnyKey)
}
