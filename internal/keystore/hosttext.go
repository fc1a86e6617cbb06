package keystore

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// fileName writes "host:port" as a known_hosts file does.
func fileName(hostport string) string {
	host, port, err := net.SplitHostPort(hostport)
	switch {
	case err != nil:
		return hostport
	case port == "22":
		return host
	}
	return "[" + host + "]:" + port
}

// hostPortOf is the other way: the "host:port" that one name of a file means. ok is
// false for a name that is of no host, such as h:22 or [h]:22: OpenSSH never asks for it.
func hostPortOf(name string) (hostport string, ok bool) {
	bare := name
	if !strings.HasPrefix(name, "[") {
		bare = net.JoinHostPort(name, "22")
	}
	hostport, err := HostPort(bare)
	return hostport, err == nil && fileName(hostport) == name
}

// entries are the keys of the line, one for each host that it names; those of patterns and
// of a hashed name are one.
func (l hostLine) entries(source string) []model.KnownHost {
	one := knownHost(l.names.text, l.key, source)
	one.Marker = l.marker
	if !l.names.plain() {
		return []model.KnownHost{one}
	}
	var list []model.KnownHost
	for _, name := range l.names.patterns {
		if name == "" {
			continue
		}
		one.Host = name
		if hostport, ok := hostPortOf(name); ok {
			one.Host = hostport
		}
		list = append(list, one)
	}
	return list
}

// storedLine is the line of a key that the database or this program keeps.
func storedLine(h model.KnownHost) (l hostLine, err error) {
	names := h.Host
	if _, err := HostPort(names); err == nil { // it has no character of a pattern
		names = fileName(names)
	}
	l = hostLine{marker: h.Marker, blob: h.Key, shown: h, strict: h.Source != sourceImported}
	if l.names, err = parseHostNames(names); err == nil {
		l.key, err = ssh.ParsePublicKey(h.Key)
	}
	if err != nil {
		return l, fmt.Errorf("the stored host key of %s: %w", h.Host, err)
	}
	return l, nil
}

// parseHosts reads a known_hosts text. Each line of it must be one.
func parseHosts(text []byte, source string) ([]hostLine, error) {
	var list []hostLine
	for i, line := range strings.Split(string(text), "\n") {
		l, err := parseHostLine(line)
		if errors.Is(err, errNoLine) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		l.shown.Source = source
		list = append(list, l)
	}
	return list, nil
}

// Where a trusted key comes from: model.KnownHost.Source.
const (
	sourceBuiltin  = "builtin"
	sourceAdded    = "added"
	sourceImported = "imported"
	sourceFile     = "file"
)

func knownHost(host string, key ssh.PublicKey, source string) model.KnownHost {
	return model.KnownHost{Host: host, Type: key.Type(), Key: key.Marshal(), Fingerprint: ssh.FingerprintSHA256(key), Source: source}
}
