package keystore

import (
	"bytes"
	"context"
	"crypto/subtle"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// A Trust keeps the host keys that were added; *store.Store is one.
type Trust interface {
	KnownHosts(ctx context.Context) ([]model.KnownHost, error)
	// AddKnownHosts stores keys, each in place of one of the same host and type.
	AddKnownHosts(ctx context.Context, hosts []model.KnownHost) error
	RemoveKnownHost(ctx context.Context, host string) error // all keys of "host:port"
}

// KnownHostsOptions say where trusted host keys come from.
type KnownHostsOptions struct {
	Trust Trust            // may be nil when File is given
	File  string           // OpenSSH known_hosts; "" = the added ones in Trust
	Now   func() time.Time // nil = time.Now
}

// KnownHosts holds the SSH host keys that are trusted: built-in ones of vendors, and
// those that an administrator gave. It is safe for concurrent use.
type KnownHosts struct {
	o       KnownHostsOptions
	cur     atomic.Pointer[trusted]
	version atomic.Uint64
	mu      sync.Mutex // held while the source is read or changed
}

// trusted is one state of what is trusted; it does not change.
type trusted struct {
	hosts map[string][]model.KnownHost // by host:port, built-in and added
	file  *hostFile                    // nil without a file
}

// NewKnownHosts reads the trusted keys. An unreadable file is an error that names the line.
func NewKnownHosts(ctx context.Context, o KnownHostsOptions) (*KnownHosts, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	k := &KnownHosts{o: o}
	return k, k.Reload(ctx)
}

// Reload reads the trusted keys again: the file after a SIGHUP, the database
// now and then, because another node may have added one. After an error what was trusted stays so.
func (k *KnownHosts) Reload(ctx context.Context) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.reload(ctx)
}

func (k *KnownHosts) reload(ctx context.Context) error {
	next := &trusted{}
	var added []model.KnownHost
	var err error
	if k.o.File != "" {
		if next.file, err = readHostFile(k.o.File); err != nil {
			return err
		}
	} else if added, err = k.o.Trust.KnownHosts(ctx); err != nil {
		return fmt.Errorf("read the known hosts: %w", err)
	}
	next.hosts = merge(builtin(), added)
	if old := k.cur.Load(); old == nil || !old.equal(next) {
		k.cur.Store(next)
		k.version.Add(1)
	}
	return nil
}

// merge lets each added key take the place of the built-in one of its host and type.
func merge(builtin, added []model.KnownHost) map[string][]model.KnownHost {
	hosts := map[string][]model.KnownHost{}
	replaced := func(b model.KnownHost) bool {
		return slices.ContainsFunc(added, func(a model.KnownHost) bool { return a.Host == b.Host && a.Type == b.Type })
	}
	for _, b := range builtin {
		if !replaced(b) {
			hosts[b.Host] = append(hosts[b.Host], b)
		}
	}
	for _, a := range added {
		hosts[a.Host] = append(hosts[a.Host], a)
	}
	return hosts
}

func (t *trusted) equal(o *trusted) bool {
	if len(t.hosts) != len(o.hosts) || (t.file == nil) != (o.file == nil) {
		return false
	}
	if t.file != nil && !bytes.Equal(t.file.text, o.file.text) {
		return false
	}
	for host, keys := range t.hosts {
		if !slices.EqualFunc(keys, o.hosts[host], func(a, b model.KnownHost) bool { return bytes.Equal(a.Key, b.Key) }) {
			return false
		}
	}
	return true
}

// Generation changes whenever any trusted key changes. Held connections of an
// older generation must not be used.
func (k *KnownHosts) Generation() uint64 { return k.version.Load() }

// Check says whether the key that hostport ("host:port") offers is trusted. The error is a
// *model.Failure of code host_key_unknown or host_key_changed.
func (k *KnownHosts) Check(hostport string, key ssh.PublicKey) error {
	t := k.cur.Load()
	host, err := HostPort(hostport)
	if err != nil {
		return err
	}
	if t.file != nil {
		if known, err := t.file.check(host, key); known {
			return err
		}
	}
	pins := t.hosts[host]
	if len(pins) == 0 {
		return unknown(host, key, k.o.File)
	}
	for _, pin := range pins {
		if subtle.ConstantTimeCompare(pin.Key, key.Marshal()) == 1 {
			return nil
		}
	}
	return changed(host, key, pins, k.o.File)
}

// Algorithms gives the host key algorithms to ask hostport for, so that it offers a key
// of a type that is known; empty = no key of it is known.
func (k *KnownHosts) Algorithms(hostport string) []string {
	t := k.cur.Load()
	host, err := HostPort(hostport)
	if err != nil {
		return nil
	}
	if t.file != nil {
		if algos := t.file.algorithms(host); len(algos) > 0 {
			return algos
		}
	}
	var algos []string
	for _, pin := range t.hosts[host] {
		algos = append(algos, algorithmsOf(pin.Type)...)
	}
	return algos
}

// algorithmsOf gives the algorithms of a key type. An ssh-rsa key signs with SHA-2
// where the server can: RFC 8332.
func algorithmsOf(keyType string) []string {
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	return []string{keyType}
}

// List gives all trusted keys, by host and type.
func (k *KnownHosts) List() []model.KnownHost {
	t := k.cur.Load()
	var list []model.KnownHost
	for _, keys := range t.hosts {
		list = append(list, keys...)
	}
	if t.file != nil {
		list = append(list, t.file.list...)
	}
	slices.SortFunc(list, func(a, b model.KnownHost) int {
		return strings.Compare(a.Host+" "+a.Type+" "+a.Fingerprint, b.Host+" "+b.Type+" "+b.Fingerprint)
	})
	return list
}
