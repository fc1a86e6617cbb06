package mirror

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// Keys gives the keys that log in. The implementation is *keystore.Keyring.
type Keys interface {
	// Signers gives the key that should log in and, after it, those that are tried where a
	// server refuses it or does not find the repository. It is called for each session and
	// must be cheap. Its error is a *model.Failure of code key_missing where there is no key.
	Signers(ctx context.Context) ([]ssh.Signer, error)
}

// HostKeys knows which host keys are trusted. The implementation is
// *keystore.KnownHosts.
type HostKeys interface {
	// Check returns a *model.Failure of code host_key_unknown or
	// host_key_changed for a key that is not trusted.
	Check(hostport string, key ssh.PublicKey) error
	// Algorithms are the key types known of a server; empty = none is known.
	Algorithms(hostport string) []string
	// Generation changes whenever a trusted key does.
	Generation() uint64
}

// Options are what a Pool needs. Keys and HostKeys must be set.
type Options struct {
	Keys      Keys
	HostKeys  HostKeys
	Allow     func() []netip.Prefix      // addresses allowed although forbidden by default; nil = none
	AllowSHA1 func(hostport string) bool // servers that sign RSA with SHA-1 only; nil = none
	// HTTPS gives what is set for the server of an address; nil = nothing is. It is called for
	// each session, so that another token counts from the next one on.
	HTTPS func(a model.Address) (HTTPSOptions, error)
	// StandIn is told when another key than the first one works in its place, once an hour, and
	// when that is over. It must be quick; nil = nobody is told.
	StandIn  func(StandIn)
	TempDir  string // folder for unnamed temporary files; "" = the system's
	Limits   Limits
	Timeouts Timeouts
}

// A StandIn is a key that works where the first one does not.
type StandIn struct {
	To    model.Address
	All   bool   // the server refuses the first key; else it lets it in and does not find the repository
	First string // fingerprint of the first key, "SHA256:…"
	Key   string // that of the one that works; the same when it is over
	Over  bool   // the first key works there again
}

// Limits bound what a server may send. A zero field means the default.
type Limits struct {
	Refs    int   // heads and tags; default 200,000
	RefName int   // bytes of a name; longer ones are left out; default 1 KiB
	Objects int64 // in one pack; default 50 million
	Commits int   // commits and tags in one pack, with the parents they name: each takes memory; default 5 million
	Object  int64 // bytes of an object that is passed over, inflated in a stream and not kept; default 8 GiB
	Kept    int64 // bytes of a commit, tag or delta, inflated; default 16 MiB
	Pack    int64 // bytes of one pack; default 64 GiB
}

// Timeouts bound how long a server may be silent. A zero field means the
// default.
type Timeouts struct {
	Dial      time.Duration // until TCP is connected; default 10 s
	Handshake time.Duration // from there until logged in; default 15 s
	Idle      time.Duration // without a byte while one is awaited; default 60 s
	KeepAlive time.Duration // between questions to a silent held connection; default 30 s
	MaxAge    time.Duration // of a held connection, from its dial; default 10 min
}

func (o Options) withDefaults() Options {
	if o.Allow == nil {
		o.Allow = func() []netip.Prefix { return nil }
	}
	if o.AllowSHA1 == nil {
		o.AllowSHA1 = func(string) bool { return false }
	}
	if o.StandIn == nil {
		o.StandIn = func(StandIn) {}
	}
	if o.HTTPS == nil {
		o.HTTPS = func(model.Address) (HTTPSOptions, error) { return HTTPSOptions{}, nil }
	}
	l, t := &o.Limits, &o.Timeouts
	orDefault(&l.Refs, 200_000)
	orDefault(&l.RefName, 1<<10)
	orDefault(&l.Objects, 50_000_000)
	orDefault(&l.Commits, 5_000_000)
	orDefault(&l.Object, 8<<30)
	orDefault(&l.Kept, 16<<20)
	orDefault(&l.Pack, 64<<30)
	orDefault(&t.Dial, 10*time.Second)
	orDefault(&t.Handshake, 15*time.Second)
	orDefault(&t.Idle, time.Minute)
	orDefault(&t.KeepAlive, 30*time.Second)
	orDefault(&t.MaxAge, 10*time.Minute)
	return o
}

func orDefault[T ~int | ~int64](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}
