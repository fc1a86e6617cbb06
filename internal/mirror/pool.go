package mirror

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// maxSlots is how many channels a connection carries at once. OpenSSH allows
// ten; a channel that ends counts at the server a little longer than here.
const maxSlots = 8

var errClosed = errors.New("the connection pool is closed")

// A Pool holds connections, so that a sync need not dial. One over SSH is
// used again by the same account only, with the same key and unchanged known hosts,
// and not after Timeouts.MaxAge. Its methods may be called at the same time.
type Pool struct {
	o   Options
	wg  sync.WaitGroup // goroutines of connections
	now func() time.Time
	web *web // connections over HTTPS

	mu      sync.Mutex
	closed  bool
	shelves map[shelfName]*shelf
	memory  memory
	lone    map[*conn]struct{} // connections of one session each, on no shelf
}

// An account is where connections lead.
type account struct{ user, hostport string }

// A shelfName is an account and the fingerprint of our key.
type shelfName struct {
	account
	key string
}

// A shelf has the connections of one account with one key.
type shelf struct {
	conns   []*conn
	dialing *attempt // nil when nobody dials
}

// An attempt is a dial that others wait for.
type attempt struct {
	done  chan struct{}
	err   error // set before done is closed
	quiet bool  // the dialling caller gave up: err says nothing about the server
}

// NewPool makes an empty pool. Close it.
func NewPool(o Options) *Pool {
	p := &Pool{o: o.withDefaults(), now: time.Now, shelves: map[shelfName]*shelf{}, lone: map[*conn]struct{}{}}
	p.web = newWeb(p)
	return p
}

// Open starts a session with the repository: a channel of its own on a held
// connection, or on a new one. The failures are those of dialling; a missing
// repository shows later, in Refs. A key that is refused here or there leads to the
// next one; when all are, the first one's failure counts. Over HTTPS no key counts but
// the credentials of the server, and all failures show later.
func (p *Pool) Open(ctx context.Context, a model.Address) (*Session, error) {
	if a.HTTPS() {
		return p.openHTTPS(a)
	}
	c, err := p.choose(ctx, a)
	if err != nil {
		return nil, err
	}
	return p.open(ctx, a, c)
}

// open starts a session with the next key of the choice that gets in.
func (p *Pool) open(ctx context.Context, a model.Address, c *choice) (*Session, error) {
	for {
		signer, err := c.next(ctx)
		if err != nil {
			return nil, err
		}
		s, err := p.openWith(ctx, a, signer)
		if err == nil {
			c.loggedIn()
			s.keys = c
			return s, nil
		}
		if ctx.Err() != nil || !c.refused(err, true) {
			return nil, err
		}
	}
}

func (p *Pool) openWith(ctx context.Context, a model.Address, signer ssh.Signer) (*Session, error) {
	for try := 0; ; try++ {
		c, held, err := p.take(ctx, a, signer)
		if err != nil {
			return nil, err
		}
		s, err := p.start(ctx, c, a)
		if err == nil {
			s.held = held
			return s, nil
		}
		if !held || try > 0 || ctx.Err() != nil {
			return nil, err
		}
		p.condemn(c) // it died unseen, or is full: dial once
	}
}

// take reserves a slot of a connection and says whether the connection was
// there before. Only one caller dials for an account and key; the others wait.
func (p *Pool) take(ctx context.Context, a model.Address, signer ssh.Signer) (c *conn, held bool, err error) {
	id := identity{ssh.FingerprintSHA256(signer.PublicKey()), p.o.HostKeys.Generation()}
	key := shelfName{account{a.User, a.HostPort()}, id.fingerprint}
	for {
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			return nil, false, errClosed
		}
		sh := p.shelves[key]
		if sh == nil {
			sh = &shelf{}
			p.shelves[key] = sh
		}
		if c := sh.pick(id); c != nil {
			c.slots++
			p.mu.Unlock()
			return c, true, nil
		}
		if d := sh.dialing; d != nil {
			p.mu.Unlock()
			select {
			case <-d.done:
				if d.err != nil && !d.quiet {
					return nil, false, d.err
				}
				continue
			case <-ctx.Done():
				return nil, false, context.Cause(ctx)
			}
		}
		d := &attempt{done: make(chan struct{})}
		sh.dialing = d
		p.mu.Unlock()
		c, err := p.dialFor(ctx, a, signer, key, id)
		return c, false, err
	}
}

// dialFor dials, and tells those who wait for it. It does so after a panic too, which a
// worker catches: else nobody would reach the account again.
func (p *Pool) dialFor(ctx context.Context, a model.Address, signer ssh.Signer, key shelfName, id identity) (c *conn, err error) {
	defer func() {
		p.mu.Lock()
		sh := p.shelves[key]
		d := sh.dialing
		sh.dialing = nil
		if len(sh.conns) == 0 {
			delete(p.shelves, key)
		}
		p.mu.Unlock()
		d.err, d.quiet = err, ctx.Err() != nil
		close(d.done)
	}()
	return p.dialHeld(ctx, a, signer, key, id)
}

// pick gives a connection with a free slot, or nil. Those of another identity
// are condemned: a host key has changed.
func (sh *shelf) pick(id identity) *conn {
	var best *conn
	for _, c := range slices.Clone(sh.conns) {
		switch {
		case c.id != id:
			c.condemn()
		case !c.condemned && c.slots < maxSlots && (best == nil || c.slots > best.slots):
			best = c
		}
	}
	return best
}

// condemn lets the connection take no more sessions. The pool's mutex is held.
func (c *conn) condemn() {
	c.condemned = true
	if c.slots == 0 {
		c.close()
	}
}

func (p *Pool) condemn(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.condemn()
}

// dialHeld dials a connection, puts it on its shelf and reserves a slot.
func (p *Pool) dialHeld(ctx context.Context, a model.Address, signer ssh.Signer, key shelfName, id identity) (*conn, error) {
	c, err := p.dial(ctx, a, signer, nil)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	c.id, c.slots = id, 1
	c.condemned = !p.memory.names[id.fingerprint] // the keys changed since: for this session alone
	sh := p.shelves[key]
	sh.conns = append(sh.conns, c)
	c.expiry = time.AfterFunc(p.o.Timeouts.MaxAge, func() { p.condemn(c) })
	c.run(&p.wg, func() { p.forget(key, c) })
	if p.closed {
		c.close()
	}
	return c, nil
}

// forget takes a dead connection from its shelf.
func (p *Pool) forget(key shelfName, c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.condemned = true
	c.expiry.Stop()
	sh := p.shelves[key]
	sh.conns = slices.DeleteFunc(sh.conns, func(x *conn) bool { return x == c })
	if len(sh.conns) == 0 && sh.dialing == nil {
		delete(p.shelves, key)
	}
}

// release gives a slot back.
func (p *Pool) release(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.slots--
	if c.slots == 0 && c.condemned {
		c.close()
	}
}

// alone says whether one session at most is on the connection.
func (p *Pool) alone(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return c.slots <= 1
}

// Close ends all connections, and the sessions on them, and waits for their
// goroutines.
func (p *Pool) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, sh := range p.shelves {
		for _, c := range sh.conns {
			c.close()
		}
	}
	for c := range p.lone {
		c.close()
	}
	p.mu.Unlock()
	p.web.close()
	p.wg.Wait()
	return nil
}
