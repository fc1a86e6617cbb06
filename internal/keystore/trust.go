package keystore

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
)

// ReadOnly says whether the keys come from a file, and Add and Remove are refused.
func (k *KnownHosts) ReadOnly() bool { return k.o.File != "" }

// Add trusts those of the offered keys of hostport that have this fingerprint
// ("SHA256:…"), in place of an added key of the same type. The error is a *KeyError of code managed_by_config
// when a file is used, else a *model.Failure: host_key_unknown lists what was offered, url_invalid
// says that host or fingerprint is none.
func (k *KnownHosts) Add(ctx context.Context, hostport, fingerprint string, offered []ssh.PublicKey) ([]model.KnownHost, error) {
	if err := k.writable(); err != nil {
		return nil, err
	}
	host, err := HostPort(hostport)
	if err != nil {
		return nil, err
	}
	want, err := parseFingerprint(fingerprint)
	if err != nil {
		return nil, err
	}
	var add []model.KnownHost
	for _, key := range offered {
		if ssh.FingerprintSHA256(key) == want {
			one := knownHost(host, key, sourceAdded)
			one.AddedAt = k.o.Now().UTC()
			add = append(add, one)
		}
	}
	if len(add) == 0 {
		return nil, notOffered(host, want, offered)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.reload(ctx); err != nil { // another node may have changed them
		return nil, err
	}
	t := k.cur.Load()
	if v := t.judge(host, offered[slices.IndexFunc(offered, isKey(add[0]))], k.o.Now); v.status == hostRevoked {
		return nil, k.failure(host, v.key, v)
	}
	var instead []model.KnownHost
	for _, h := range t.of(host) {
		if h.Type == add[0].Type {
			instead = append(instead, h)
		}
	}
	if err := k.o.Trust.ChangeKnownHosts(ctx, instead, add); err != nil {
		return nil, fmt.Errorf("store the host key of %s: %w", host, err)
	}
	return add, k.reload(ctx)
}

func isKey(h model.KnownHost) func(ssh.PublicKey) bool {
	return func(key ssh.PublicKey) bool { return bytes.Equal(key.Marshal(), h.Key) }
}

// of gives what the database keeps of a host ("host:port"), its name hashed or not, without markers.
func (t *trusted) of(host string) (list []model.KnownHost) {
	for _, l := range t.about(fileName(host), false) {
		if l.marker == "" && l.shown.Source != sourceBuiltin && (l.names.plain() || l.names.hashed()) {
			list = append(list, l.shown)
		}
	}
	return list
}

// Remove no longer trusts the added and imported keys of a host: "host:port", by which hashed lines are
// found too, or a host as List has it, and "@revoked " or "@cert-authority " before it for a line with that marker.
// The error is a *KeyError of code managed_by_config, or wraps model.ErrNotFound when none was added;
// built-in keys stay.
func (k *KnownHosts) Remove(ctx context.Context, name string) error {
	if err := k.writable(); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.reload(ctx); err != nil {
		return err
	}
	t := k.cur.Load()
	var gone []model.KnownHost
	marker, names := "", strings.TrimSpace(name)
	if word, rest, ok := strings.Cut(names, " "); ok && strings.HasPrefix(word, "@") {
		marker, names = word[1:], strings.TrimSpace(rest)
	}
	host, err := HostPort(names)
	switch {
	case err == nil && marker == "":
		gone = t.of(host)
	case err == nil:
		names = host
	}
	for _, h := range t.added {
		if h.Marker == marker && h.Host == names && !slices.ContainsFunc(gone, func(g model.KnownHost) bool { return sameRow(g, h) }) {
			gone = append(gone, h)
		}
	}
	if len(gone) == 0 {
		return fmt.Errorf("host keys of %.200q: %w", name, model.ErrNotFound)
	}
	if err := k.o.Trust.ChangeKnownHosts(ctx, gone, nil); err != nil {
		return fmt.Errorf("remove the host keys of %.200q: %w", name, err)
	}
	return k.reload(ctx)
}

// sameRow says whether two keys are one in the database.
func sameRow(a, b model.KnownHost) bool {
	return a.Host == b.Host && a.Marker == b.Marker && a.Fingerprint == b.Fingerprint
}

func (k *KnownHosts) writable() error {
	if k.o.File == "" {
		return nil
	}
	return &KeyError{CodeManagedByConfig, fmt.Sprintf("host keys are read from %s, which known_hosts_file names; add the key there and reload", k.o.File)}
}

// HostPort gives the one way an SSH server is written: "host:port", in lower case, the port
// always there, an IPv6 address in brackets. The error is a *model.Failure of code url_invalid.
func HostPort(s string) (string, error) {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		host, port = strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"), "22"
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 || host == "" || len(host) > 255 ||
		strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`/@[]"'*?,|`, r) }) ||
		strings.HasPrefix(host, "-") || strings.Contains(host, ":") && net.ParseIP(host) == nil {
		return "", &model.Failure{
			Code:   model.CodeURLInvalid,
			Detail: fmt.Sprintf("%.80q is not the address of an SSH server", s),
			Hint:   "write host or host:port, such as git.example.com:7999",
		}
	}
	return net.JoinHostPort(strings.ToLower(host), strconv.FormatUint(n, 10)), nil
}

// parseFingerprint reads "SHA256:…" as ssh-keygen -l prints it.
func parseFingerprint(s string) (string, error) {
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	if b, ok := strings.CutPrefix(s, "SHA256:"); ok && len(b) == 43 {
		return s, nil
	}
	detail := fmt.Sprintf("%.80q is not a fingerprint", s)
	if strings.Count(s, ":") >= 15 {
		detail = "MD5 fingerprints can be forged and are not taken"
	}
	return "", &model.Failure{
		Code:   model.CodeURLInvalid,
		Detail: detail,
		Hint:   "give it as the server prints it: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub, SHA256: and 43 characters",
	}
}
