package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"issuetrail/internal/api"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// A hostBook lets the API tell of the hosts of the config, and how each is connected.
type hostBook struct{ *app }

var _ api.Hosts = hostBook{}

// Hosts lists the entries of the config in its order.
func (b hostBook) Hosts(ctx context.Context) ([]wire.Host, error) {
	count := map[string]int{}
	for cursor := ""; ; {
		repos, next, err := b.store.RepoStatuses(ctx, 1000, cursor)
		if err != nil {
			return nil, err
		}
		for _, r := range repos {
			count[r.Host]++
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	d := b.directory.Load()
	list := make([]wire.Host, len(d.entries))
	for i, e := range d.entries {
		list[i] = wire.Host{
			Name: e.Name, Kind: e.Kind, WebURL: e.WebURL, SSHHost: e.SSHHost, WebhookURL: shownAddress(b.webhookURL(e.Name), e.host),
			WebhookSecret: !e.secret.Empty(), StreamEvents: e.StreamEvents, Repositories: count[e.Name],
		}
	}
	return list, nil
}

// HostGuide is for an entry, or for a kind: that of its only entry, or of none yet.
func (b hostBook) HostGuide(ctx context.Context, name string) (wire.HostGuide, error) {
	e, err := b.directory.Load().guided(name)
	if err != nil {
		return wire.HostGuide{}, err
	}
	configured := e != nil
	if !configured {
		h, ok := hosts.ByKind(name)
		if !ok {
			return wire.HostGuide{}, model.ErrNotFound
		}
		e = &entry{Host: config.Host{Name: name, Kind: name}, host: h}
	}
	site := hosts.Site{
		Name: e.Name, WebURL: e.WebURL, SSHHost: e.SSHHost, Webhook: b.webhookURL(e.Name), SecretFile: e.WebhookSecretFile,
		Socket: b.cfg.Load().Server.ControlSocket,
	}
	if key, err := b.ring.Info(ctx); err == nil {
		site.PublicKey = key.PublicKey
	}
	out := wire.HostGuide{
		Name: e.Name, Kind: e.Kind, Configured: configured,
		WebhookURL: shownAddress(site.Webhook, e.host), Steps: []wire.GuideStep{},
	}
	if !configured {
		site.SecretFile = "/etc/issuetrail/" + e.Name
		out.Steps = append(out.Steps, wire.GuideStep(hosts.EntryStep(e.Kind, site.SecretFile)))
	}
	if local(site.Webhook) {
		out.Steps = append(out.Steps, publicStep(site.Webhook))
	}
	for _, s := range e.host.Guide(site) {
		out.Steps = append(out.Steps, wire.GuideStep(s))
	}
	return out, nil
}

// guided gives the entry of a name, or the only one of a kind; nil = there is none.
func (d *directory) guided(name string) (*entry, error) {
	if e := d.named(name); e != nil {
		return e, nil
	}
	var names []string
	for _, e := range d.entries {
		if e.Kind == name {
			names = append(names, e.Name)
		}
	}
	if len(names) > 1 {
		return nil, &wire.Problem{
			Type: "about:blank", Title: "Conflict", Status: 409, Code: "host_ambiguous",
			Detail: fmt.Sprintf("several entries of hosts are of kind %s: %s", name, strings.Join(names, ", ")),
			Hint:   "issuetrail host guide " + names[0],
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	return d.named(names[0]), nil
}

// local says whether an address is reached from this machine alone.
func local(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
}

// publicStep has people say where the git host finds the daemon.
func publicStep(webhook string) wire.GuideStep {
	return wire.GuideStep{
		Title: "Say where the git host reaches us",
		Text: "The webhook's address in the steps below, " + webhook + ", is reached from this machine alone. Unless the git host runs here, too, set this in the config, " +
			"to the address of the proxy in front of the daemon (docs/operations.md, Behind a proxy), reload, and read this guide again.",
		Code: "server:\n  public_url: https://trail.example.com",
	}
}

// shownAddress is a webhook's address as it may be shown: without the secret, where that
// is part of it.
func shownAddress(address string, h hosts.Host) string {
	if _, ok := h.(hosts.PathSecret); ok {
		return address + "/SECRET"
	}
	return address
}

// webhookURL is where deliveries of an entry go, without a secret.
func (a *app) webhookURL(name string) string {
	return publicURL(a.cfg.Load().Server, a.address.Load()) + "/webhooks/" + name
}

// publicURL is server.public_url, or what follows of the address that the daemon listens on;
// nil = it does not yet.
func publicURL(s config.Server, listening *net.Addr) string {
	if s.PublicURL != "" {
		return s.PublicURL
	}
	scheme, address := "http", s.Listen
	if s.TLS.CertFile != "" {
		scheme = "https"
	}
	if listening != nil {
		address = (*listening).String()
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return scheme + "://" + address
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
