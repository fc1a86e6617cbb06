package main

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.uber.org/zap"

	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// A directory is the configured hosts by name, and what follows of them for a
// repository. It does not change; a reload makes another.
type directory struct {
	entries []entry
	sha1    map[string]bool // SSH host names that may sign with SHA-1
	allow   []netip.Prefix
}

// An entry is one host of the config.
type entry struct {
	config.Host
	host   hosts.Host
	secret hosts.Secret
}

// newDirectory reads the webhook secrets of the config's hosts.
func newDirectory(cfg *config.Config, log *zap.Logger) (*directory, error) {
	d := &directory{sha1: map[string]bool{}, allow: cfg.Sync.AllowAddresses}
	for _, h := range cfg.Hosts {
		e := entry{Host: h}
		e.host, _ = hosts.ByKind(h.Kind)
		if h.WebhookSecretFile != "" {
			text, err := config.ReadSecret(h.WebhookSecretFile)
			if err != nil {
				return nil, fmt.Errorf("hosts: %s: webhook_secret_file: %w", h.Name, err)
			}
			var warning string
			if e.secret, warning, err = hosts.ParseSecret(text); err != nil {
				return nil, fmt.Errorf("hosts: %s: webhook_secret_file: %w", h.Name, err)
			}
			if warning != "" {
				log.Warn("weak webhook secret", zap.String("host", h.Name), zap.String("why", warning))
			}
		}
		if h.AllowSHA1 && h.SSHHost != "" {
			d.sha1[strings.ToLower(h.SSHHost)] = true
		}
		d.entries = append(d.entries, e)
	}
	return d, nil
}

// webhook finds the host of a name in a webhook's path.
func (d *directory) webhook(name string) (hosts.Host, hosts.Secret, bool) {
	e := d.named(name)
	if e == nil {
		return nil, hosts.Secret{}, false
	}
	return e.host, e.secret, true
}

func (d *directory) named(name string) *entry {
	for i := range d.entries {
		if d.entries[i].Name == name {
			return &d.entries[i]
		}
	}
	return nil
}

// resolve says which host a repository belongs to: the named one, or the kind of that
// name; else the entry whose web_url it lies below, if it is over HTTPS; else the entry whose
// ssh_host it has, one with a port before one without; else the
// entry of the kind that its SSH host is known for; else that kind itself.
func (d *directory) resolve(name string, a model.Address) (string, error) {
	if name != "" {
		if _, kind := hosts.ByKind(name); !kind && d.named(name) == nil {
			return "", fmt.Errorf("no host of the config is named %q", name)
		}
		return name, nil
	}
	if e := d.webEntry(a); e != nil {
		return e.Name, nil
	}
	kind := hosts.KindOf(a)
	for _, belongs := range []func(entry) bool{
		func(e entry) bool { return e.SSHHost == a.HostPort() },
		func(e entry) bool { return e.SSHHost != "" && e.SSHHost == a.Host },
		func(e entry) bool { return e.sameServer(a) },
		func(e entry) bool { return e.SSHHost == "" && e.Kind == kind && hosts.DefaultWeb(kind) != "" },
	} {
		if i := slices.IndexFunc(d.entries, belongs); i >= 0 {
			return d.entries[i].Name, nil
		}
	}
	return kind, nil
}

// belongs gives the entry of a repository that was added under a host, for store.Options: that
// host itself, unless it is no entry, and an entry has come that fits the address.
func (d *directory) belongs(host string, a model.Address) string {
	if d.named(host) != nil {
		return host
	}
	if now, err := d.resolve("", a); err == nil && d.named(now) != nil {
		return now
	}
	return host
}

// sameServer says whether an address is on the entry's server under another name of it,
// as ssh.github.com:443 is github.com.
func (e entry) sameServer(a model.Address) bool {
	if e.SSHHost == "" {
		return false
	}
	user := a.User
	if a.HTTPS() {
		user = "git"
	}
	there, err := model.ParseAddress("ssh://" + user + "@" + bracketed(e.SSHHost) + "/x")
	if err != nil {
		return false
	}
	if hosts.DefaultWeb(e.Kind) != "" && hosts.KindOf(a) == e.Kind && hosts.KindOfSSHHost(there.Host) == e.Kind {
		return true // two names of the vendor's one service
	}
	there.Path = a.Path
	return hosts.Identify(e.Kind, there).Key == hosts.Identify(e.Kind, a).Key
}

// bracketed puts a bare IPv6 address into brackets, as a URL wants it.
func bracketed(host string) string {
	if ip, err := netip.ParseAddr(host); err == nil && ip.Is6() {
		return "[" + host + "]"
	}
	return host
}

// entryOf gives the entry and the kind of a repository's host. The entry may be nil: a
// repository may belong to a kind, or to an entry that has left the config. Then an
// entry that its address belongs to serves it.
func (d *directory) entryOf(host string, a model.Address) (*entry, string) {
	if e := d.named(host); e != nil {
		return e, e.Kind
	}
	_, known := hosts.ByKind(host)
	name, _ := d.resolve("", a)
	switch e := d.named(name); {
	case e != nil && (!known || e.Kind == host):
		return e, e.Kind
	case known:
		return nil, host
	}
	return nil, hosts.KindOf(a)
}

// identify gives what a repository is known by; host "" = the one that its address
// belongs to.
func (d *directory) identify(host string, a model.Address) model.Identity {
	_, kind := d.entryOf(host, a)
	return hosts.Identify(kind, a)
}

// moved gives the clone URL of a repository that is now called name; "" = it cannot be.
func (d *directory) moved(r model.Repo, name string) string {
	a, err := model.ParseAddress(r.URL)
	if err != nil {
		return ""
	}
	_, kind := d.entryOf(r.Host, a)
	return hosts.Moved(kind, a, name)
}

// advise adds to a failure what its host's kind says of it.
func (d *directory) advise(a model.Address, err error) error {
	f, ok := errors.AsType[*model.Failure](err)
	if !ok {
		return err
	}
	if a.HTTPS() {
		return err // what the kinds know is of SSH
	}
	_, kind := d.entryOf("", a)
	hint := hosts.Hint(kind, f.Code)
	switch {
	case hint == "" || strings.Contains(f.Hint, hint):
		return err
	case f.Hint != "":
		hint = f.Hint + "; " + hint
	}
	return &model.Failure{Code: f.Code, Detail: f.Detail, Hint: hint, Err: err}
}

// allowSHA1 says whether an SSH server may sign RSA with SHA-1.
func (d *directory) allowSHA1(hostport string) bool {
	host := hostport[:strings.LastIndexByte(hostport, ':')]
	return d.sha1[hostport] || d.sha1[strings.Trim(host, "[]")]
}

// repoSpecs are the repositories of the config, each with its host. The error exits with 78.
func repoSpecs(cfg *config.Config, dir *directory) ([]model.RepoSpec, error) {
	specs := make([]model.RepoSpec, 0, len(cfg.Repositories))
	seen := map[string]int{}
	for i, r := range cfg.Repositories {
		to, err := model.ParseAddress(r.URL)
		var host string
		if err == nil {
			host, err = dir.resolve(r.Host, to)
		}
		if err == nil {
			key := dir.identify(host, to).Key
			if first, twice := seen[key]; twice {
				err = fmt.Errorf("is the repository of repositories[%d] already: the host takes both addresses for one", first)
			}
			seen[key] = i
		}
		if err != nil {
			return nil, &exitError{exitConfig, fmt.Errorf("repositories[%d]: %w", i, err)}
		}
		specs = append(specs, model.RepoSpec{
			URL: r.URL, Host: host, Schedule: r.Schedule, Mirror: model.Mirror(r.Mirror), Projects: r.Projects, Source: model.SourceConfig,
		})
	}
	return specs, nil
}
