package main

import (
	"fmt"
	"net/netip"
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
	host   hosts.Host // nil: a kind whose webhooks come later
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

// resolve says which host a repository belongs to: the named one; else the entry
// whose ssh_host it has; else the entry of the kind that its SSH host is known
// for; else that kind itself.
func (d *directory) resolve(name string, a model.Address) (string, error) {
	kind := hosts.KindOfSSHHost(a.Host)
	if name != "" {
		if d.named(name) == nil && name != kind {
			return "", fmt.Errorf("no host of the config is named %q", name)
		}
		return name, nil
	}
	for _, e := range d.entries {
		if e.SSHHost != "" && (strings.EqualFold(e.SSHHost, a.Host) || strings.EqualFold(e.SSHHost, a.HostPort())) {
			return e.Name, nil
		}
	}
	for _, e := range d.entries {
		if e.SSHHost == "" && e.Kind == kind && hosts.DefaultWeb(kind) != "" {
			return e.Name, nil
		}
	}
	return kind, nil
}

// links are the web addresses of a repository.
func (d *directory) links(r model.Repo) model.Links {
	var l model.Links
	e := d.named(r.Host)
	kind, web := r.Host, ""
	if e != nil {
		kind, web = e.Kind, e.WebURL
	}
	if web == "" {
		if a, err := model.ParseAddress(r.URL); err == nil && hosts.KindOfSSHHost(a.Host) == kind {
			web = hosts.DefaultWeb(kind)
		}
	}
	if h, ok := hosts.ByKind(kind); ok && web != "" {
		l = h.Links(web, r)
	}
	if e != nil {
		fill := strings.NewReplacer("{web}", web, "{repo}", r.Name)
		override(&l.Commit, e.Links.Commit, fill)
		override(&l.Branch, e.Links.Branch, fill)
	}
	return l
}

func override(to *string, template string, fill *strings.Replacer) {
	if template != "" {
		*to = fill.Replace(template)
	}
}

// allowSHA1 says whether an SSH server may sign RSA with SHA-1.
func (d *directory) allowSHA1(hostport string) bool {
	host := hostport[:strings.LastIndexByte(hostport, ':')]
	return d.sha1[hostport] || d.sha1[strings.Trim(host, "[]")]
}

// repoSpecs are the repositories of the config, each with its host. The error exits with 78.
func repoSpecs(cfg *config.Config, dir *directory) ([]model.RepoSpec, error) {
	specs := make([]model.RepoSpec, 0, len(cfg.Repositories))
	for i, r := range cfg.Repositories {
		to, err := model.ParseAddress(r.URL)
		var host string
		if err == nil {
			host, err = dir.resolve(r.Host, to)
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
