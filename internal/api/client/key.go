package client

import (
	"context"
	"fmt"
	"iter"

	"issuetrail/internal/api/wire"
)

// Key tells of the shared key; a problem of code key_missing says that there is none.
func (c *Client) Key(ctx context.Context) (wire.Key, error) { return get[wire.Key](ctx, c, "/key") }

// PutKey makes a private key the shared one. It sends none over plain HTTP to another machine.
func (c *Client) PutKey(ctx context.Context, in wire.NewKey) (out wire.Key, err error) {
	if err := c.closed(); err != nil {
		return out, err
	}
	err = c.call(ctx, "PUT", prefix+"/key", in, &out)
	return out, err
}

// closed refuses to send a private key where it can be read on the way.
func (c *Client) closed() error {
	if c.open {
		return fmt.Errorf("the private key is not sent to %s: without TLS anyone on the way can read it; use https, or run this on the daemon's machine", c.where)
	}
	return nil
}

// GenerateKey makes a new shared key.
func (c *Client) GenerateKey(ctx context.Context, in wire.GenerateKey) (wire.Key, error) {
	return post[wire.Key](ctx, c, "/key/generate", in)
}

// StageKey stages a private key, or a new one. It sends none over plain HTTP to another machine.
func (c *Client) StageKey(ctx context.Context, in wire.StageKey) (wire.KeptKey, error) {
	if in.PrivateKey != "" {
		if err := c.closed(); err != nil {
			return wire.KeptKey{}, err
		}
	}
	return post[wire.KeptKey](ctx, c, "/key/stage", in)
}

// ActivateKey makes the staged key the active one.
func (c *Client) ActivateKey(ctx context.Context) (wire.Key, error) {
	return post[wire.Key](ctx, c, "/key/activate", nil)
}

// RollbackKey makes the previous key the active one.
func (c *Client) RollbackKey(ctx context.Context) (wire.Key, error) {
	return post[wire.Key](ctx, c, "/key/rollback", nil)
}

// DropKey forgets the key of a role, "staged" or "previous".
func (c *Client) DropKey(ctx context.Context, role string) error {
	return c.call(ctx, "DELETE", prefix+"/key/"+role, nil, nil)
}

// RewrapKey seals the stored keys under a new master key.
func (c *Client) RewrapKey(ctx context.Context) (wire.Rewrap, error) {
	return post[wire.Rewrap](ctx, c, "/key/rewrap", nil)
}

// KeyStatus tells of the keys and of the health of the servers.
func (c *Client) KeyStatus(ctx context.Context) (wire.KeyStatus, error) {
	return get[wire.KeyStatus](ctx, c, "/key/status")
}

// KeyChecks lists which repositories accept the staged key.
func (c *Client) KeyChecks(ctx context.Context) iter.Seq2[wire.KeyCheck, error] {
	return pages[wire.KeyCheck](ctx, c, "/key/checks", nil)
}

// CheckKey has the keys tried at the servers now; KeyStatus says when that is done.
func (c *Client) CheckKey(ctx context.Context) (wire.Checking, error) {
	return post[wire.Checking](ctx, c, "/key/check", nil)
}
