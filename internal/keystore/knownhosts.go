package keystore

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net"
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
	// ChangeKnownHosts takes keys away and adds others, all or none. One is told from others by host,
	// marker and fingerprint; one that is there already stays as it is.
	ChangeKnownHosts(ctx context.Context, remove, add []model.KnownHost) error
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
	o   KnownHostsOptions
	cur atomic.Pointer[trusted]
	mu  sync.Mutex // held while the source is read or changed
}

// trusted is one state of what is trusted; it does not change.
type trusted struct {
	added []model.KnownHost     // what the database keeps
	exact map[string][]hostLine // lines that name hosts, by name as in a file
	loose []hostLine            // lines with patterns or a hashed name
	list  []model.KnownHost     // to show
	print [sha256.Size]byte     // of all lines
	turn  uint64                // the generation; kept here, so that nobody sees it before what it stands for
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
	next := &trusted{exact: map[string][]hostLine{}}
	lines, err := k.lines(ctx, next)
	if err != nil {
		return err
	}
	for _, l := range lines {
		next.add(l)
	}
	for _, b := range builtin() {
		if !next.overrides(b.shown, k.o.File != "") {
			next.add(b)
		}
	}
	next.finish()
	switch old := k.cur.Load(); {
	case old == nil:
		next.turn = 1
	case old.print == next.print:
		next.turn = old.turn
	default:
		next.turn = old.turn + 1
	}
	k.cur.Store(next)
	return nil
}

// lines reads what an administrator gave.
func (k *KnownHosts) lines(ctx context.Context, next *trusted) (lines []hostLine, err error) {
	if k.o.File != "" {
		return readHostFile(k.o.File)
	}
	if next.added, err = k.o.Trust.KnownHosts(ctx); err != nil {
		return nil, fmt.Errorf("read the known hosts: %w", err)
	}
	for _, h := range next.added {
		l, err := storedLine(h)
		if err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func (t *trusted) add(l hostLine) {
	if l.shown.Host == "" { // of a file
		t.list = append(t.list, l.entries(l.shown.Source)...)
		l.shown = knownHost(l.names.text, l.key, l.shown.Source)
		l.shown.Marker = l.marker
	} else {
		t.list = append(t.list, l.shown)
	}
	if !l.names.plain() {
		t.loose = append(t.loose, l)
		return
	}
	for _, name := range l.names.patterns {
		t.exact[name] = append(t.exact[name], l)
	}
}

// overrides says whether a built-in key does not count any more: a key of its host and type was
// given in its place, or the file has keys of its host, which are all then, as with OpenSSH.
func (t *trusted) overrides(b model.KnownHost, file bool) bool {
	return slices.ContainsFunc(t.about(fileName(b.Host), false), func(l hostLine) bool {
		return l.marker == "" && l.shown.Source != sourceBuiltin &&
			(file || l.shown.Type == b.Type && (l.names.plain() || l.names.hashed()))
	})
}

// finish sorts the list, and tells this state from others.
func (t *trusted) finish() {
	slices.SortStableFunc(t.list, func(a, b model.KnownHost) int {
		return strings.Compare(a.Host+" "+a.Marker+" "+a.Type+" "+a.Fingerprint, b.Host+" "+b.Marker+" "+b.Type+" "+b.Fingerprint)
	})
	sum := sha256.New()
	for _, h := range t.list {
		fmt.Fprintf(sum, "%q %q %x %t\n", h.Host, h.Marker, h.Key, h.Source == sourceImported)
	}
	sum.Sum(t.print[:0])
}

// about gives the lines that speak of a host, by its name as in a file. anyPort leaves out those that
// hold at their own port alone.
func (t *trusted) about(name string, anyPort bool) []hostLine {
	var lines []hostLine
	for _, l := range t.exact[name] {
		if !anyPort || !l.strict {
			lines = append(lines, l)
		}
	}
	for _, l := range t.loose {
		if (!anyPort || !l.strict) && l.names.match(name) && !t.replaced(l, name) {
			lines = append(lines, l)
		}
	}
	return lines
}

// replaced says whether an imported line with patterns does not speak of this host: another key of its type is
// built in for it, or was added by its name. Else an old file would bring back keys that were given up.
func (t *trusted) replaced(l hostLine, name string) bool {
	return l.marker == "" && l.shown.Source == sourceImported && slices.ContainsFunc(t.exact[name], func(e hostLine) bool {
		return e.marker == "" && e.strict && e.key.Type() == l.key.Type() && !bytes.Equal(e.blob, l.blob)
	})
}

// Generation changes whenever any trusted key changes. Held connections of an
// older generation must not be used.
func (k *KnownHosts) Generation() uint64 { return k.cur.Load().turn }

// Check says whether the key or host certificate that hostport ("host:port") offers is trusted. The error is
// a *model.Failure of code host_key_unknown or host_key_changed.
func (k *KnownHosts) Check(hostport string, key ssh.PublicKey) error {
	host, err := HostPort(hostport)
	if err != nil {
		return err
	}
	return k.failure(host, key, k.cur.Load().judge(host, key, k.o.Now))
}

// SourceOf says where the trust in a key comes from: "builtin", "added", "imported" or "file";
// "" = it is not trusted.
func (k *KnownHosts) SourceOf(hostport string, key ssh.PublicKey) string {
	host, err := HostPort(hostport)
	if err != nil {
		return ""
	}
	t := k.cur.Load()
	if t.judge(host, key, k.o.Now).status != hostOK {
		return ""
	}
	lines := t.about(fileName(host), false)
	if name, _, _ := net.SplitHostPort(host); name != fileName(host) {
		lines = append(lines, t.about(name, true)...)
	}
	for _, l := range lines {
		if l.marker == "" && bytes.Equal(l.blob, key.Marshal()) {
			return l.shown.Source
		}
	}
	return ""
}

// List gives all keys that are known, by host and type.
func (k *KnownHosts) List() []model.KnownHost { return slices.Clone(k.cur.Load().list) }
