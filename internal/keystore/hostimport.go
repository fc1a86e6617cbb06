package keystore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// Import trusts the lines of an OpenSSH known_hosts text, markers, patterns and hashed names too, and says what
// became of each. No key takes the place of another that way: an old file may hold a key that was given up since.
// The error is a *KeyError of code managed_by_config, or one of the database; then nothing was added.
func (k *KnownHosts) Import(ctx context.Context, text string) (model.HostImport, error) {
	if err := k.writable(); err != nil {
		return model.HostImport{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.reload(ctx); err != nil { // another node may have changed them
		return model.HostImport{}, err
	}
	i := hostImport{k: k, before: k.cur.Load(), done: map[string]bool{}}
	for n, line := range strings.Split(text, "\n") {
		i.line(n+1, line)
	}
	for n := range i.Added {
		i.Added[n].AddedAt = k.o.Now().UTC()
	}
	if len(i.Added) == 0 {
		return i.HostImport, nil
	}
	if err := k.o.Trust.ChangeKnownHosts(ctx, nil, i.Added); err != nil {
		return model.HostImport{}, fmt.Errorf("store the imported host keys: %w", err)
	}
	return i.HostImport, k.reload(ctx)
}

// hostImport sorts lines into those to add, those that are there, and those to leave out.
type hostImport struct {
	model.HostImport
	k      *KnownHosts
	before *trusted
	done   map[string]bool // entries of the text so far
}

func (i *hostImport) line(n int, text string) {
	l, err := parseHostLine(text)
	if errors.Is(err, errNoLine) {
		return
	}
	if err != nil {
		i.leaveOut(n, l.names.text, err.Error())
		return
	}
	if l.marker != markRevoked && !slices.Contains(hostKeyTypes, l.key.Type()) {
		i.leaveOut(n, l.names.text, "servers are not asked for keys of type "+l.key.Type()+" any more")
		return
	}
	for _, h := range l.entries(sourceImported) {
		if l.names.hashed() && l.marker == "" {
			h.Host = i.before.unhash(l.names)
		}
		id := h.Host + " " + h.Marker + " " + h.Fingerprint
		reason := i.reason(h, l)
		switch {
		case i.done[id]:
		case slices.ContainsFunc(i.before.list, func(b model.KnownHost) bool { return sameRow(b, h) }):
			i.Present = append(i.Present, h)
		case reason != "":
			i.leaveOut(n, h.Host, reason)
		default:
			i.Added = append(i.Added, h)
		}
		i.done[id] = true
	}
}

// reason says why a key is left out; "" = it is not.
func (i *hostImport) reason(h model.KnownHost, l hostLine) string {
	hostport, err := HostPort(h.Host)
	switch {
	case l.names.plain() && !slices.Contains(l.names.patterns, fileName(h.Host)):
		return "is the name of no host; with a port it is written [host]:port, where that is not 22"
	case err != nil || l.marker != "":
		return ""
	}
	v := i.before.judge(hostport, l.key, i.k.o.Now)
	if v.status == hostRevoked {
		return "this key is marked as revoked"
	}
	for _, pin := range v.pins {
		if pin.Type == h.Type {
			return fmt.Sprintf("another key of this type is trusted, %s (%s); to trust the one of the file in its place: issuetrail known-hosts add %s --fingerprint %s",
				pin.Fingerprint, pin.Source, hostport, h.Fingerprint)
		}
	}
	return ""
}

// unhash gives the host of a hashed name if it is one that is known already, else the name as it is.
func (t *trusted) unhash(n hostNames) string {
	for name := range t.exact {
		if n.match(name) {
			if hostport, ok := hostPortOf(name); ok {
				return hostport
			}
		}
	}
	return n.text
}

func (i *hostImport) leaveOut(line int, host, reason string) {
	i.LeftOut = append(i.LeftOut, model.LeftOut{Line: line, Host: host, Reason: reason})
}
