package api

import (
	"context"
	"strings"
	"sync"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// outside plays the key ring and the git servers.
type outside struct {
	mu      sync.Mutex
	key     *model.KeyInfo
	keyErr  error // of Import and Generate
	trusted []model.KnownHost
	offered map[string][]model.KnownHost // by host:port
	tests   map[string]error             // by host
	changes map[string][]model.LinkChange
}

const (
	printA = "SHA256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	printB = "SHA256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func newOutside() *outside {
	return &outside{
		offered: map[string][]model.KnownHost{
			"git.example.com:22": {
				{Host: "git.example.com:22", Type: "ssh-ed25519", Fingerprint: printA, Key: []byte{1, 2}},
				{Host: "git.example.com:22", Type: "ssh-rsa", Fingerprint: printB, Key: []byte{3}},
			},
		},
		tests:   map[string]error{},
		changes: map[string][]model.LinkChange{},
	}
}

func (o *outside) Info(context.Context) (model.KeyInfo, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.key == nil {
		return model.KeyInfo{}, &model.Failure{Code: model.CodeKeyMissing, Detail: "there is no key", Hint: "make one"}
	}
	return *o.key, nil
}

func (o *outside) Generate(_ context.Context, bits int) (model.KeyInfo, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keyErr != nil {
		return model.KeyInfo{}, o.keyErr
	}
	if bits == 0 {
		bits = 4096
	}
	o.key = &model.KeyInfo{
		Type: "rsa", Bits: bits, Fingerprint: printA, PublicKey: "ssh-rsa AAAA issuetrail", Source: "managed",
		InstalledAt: time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC),
	}
	return *o.key, nil
}

func (o *outside) Import(ctx context.Context, pem, _ []byte) (model.KeyInfo, string, error) {
	info, err := o.Generate(ctx, 3072)
	if strings.Contains(string(pem), "OPENSSH") {
		return info, "openssh", err
	}
	return info, "", err
}

func (o *outside) Test(_ context.Context, a model.Address) (int, string, error) {
	if err, ok := o.tests[a.Host]; ok {
		return 0, printB, err
	}
	return 12, printA, nil
}

func (o *outside) DryRun(_ context.Context, r model.Repo, change func(model.LinkChange)) error {
	for _, c := range o.changes[r.Name] {
		change(c)
	}
	return nil
}

func (o *outside) Hosts(context.Context) ([]wire.Host, error) {
	return []wire.Host{{Name: "gh", Kind: "github", WebhookURL: "https://trail/webhooks/gh", WebhookSecret: true, Repositories: 2}}, nil
}

func (o *outside) HostGuide(_ context.Context, name string) (wire.HostGuide, error) {
	if name != "gh" {
		return wire.HostGuide{}, model.ErrNotFound
	}
	return wire.HostGuide{
		Name: name, Kind: "github", Configured: true, WebhookURL: "https://trail/webhooks/gh",
		Steps: []wire.GuideStep{{Title: "The key", Code: "ssh-rsa AAAA"}},
	}, nil
}

// hostKeys is the part of outside whose names would clash.
type hostKeys struct{ *outside }

func (h hostKeys) List(context.Context) ([]model.KnownHost, error) { return h.trusted, nil }

func (h hostKeys) Scan(_ context.Context, hostport string) ([]model.KnownHost, error) {
	if keys, ok := h.offered[hostport]; ok {
		return keys, nil
	}
	return nil, &model.Failure{Code: model.CodeUnreachable, Detail: "connect to " + hostport + ": refused", Hint: "is the name right?"}
}

func (h hostKeys) Trust(ctx context.Context, hostport, fingerprint string) (model.KnownHost, error) {
	keys, err := h.Scan(ctx, hostport)
	if err != nil {
		return model.KnownHost{}, err
	}
	for _, k := range keys {
		if k.Fingerprint == fingerprint {
			k.Source = "added"
			h.trusted = append(h.trusted, k)
			return k, nil
		}
	}
	return model.KnownHost{}, model.ErrNotFound
}

func (h hostKeys) Import(_ context.Context, text string) (model.HostImport, error) {
	if h.keyErr != nil {
		return model.HostImport{}, h.keyErr
	}
	k := model.KnownHost{Host: text, Marker: "revoked", Type: "ssh-rsa", Key: []byte{1}, Source: "imported"}
	h.trusted = append(h.trusted, k)
	return model.HostImport{Added: []model.KnownHost{k}, LeftOut: []model.LeftOut{{Line: 2, Host: "h", Reason: "why"}}}, nil
}

func (h hostKeys) Remove(_ context.Context, hostport string) error {
	for i, k := range h.trusted {
		if k.Host == hostport {
			h.trusted = append(h.trusted[:i:i], h.trusted[i+1:]...)
			return nil
		}
	}
	return model.ErrNotFound
}
