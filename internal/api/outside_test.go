package api

import (
	"context"
	"fmt"
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
	beside  map[model.KeyRole]model.KeyInfo // the staged and the previous key
	asked   bool                            // for a check now
	keyErr  error                           // of Import and Generate
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
		beside:  map[model.KeyRole]model.KeyInfo{},
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

func (o *outside) Infos(context.Context) (list []model.KeyInfo, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.key != nil {
		list = append(list, *o.key)
	}
	for role, k := range o.beside {
		k.Role = role
		list = append(list, k)
	}
	return list, nil
}

func (o *outside) Generate(_ context.Context, bits int) (model.KeyInfo, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keyErr != nil {
		return model.KeyInfo{}, o.keyErr
	}
	return o.use(played(bits, printA)), nil
}

// played is a key of 4096 bits, or of as many.
func played(bits int, print string) model.KeyInfo {
	if bits == 0 {
		bits = 4096
	}
	return model.KeyInfo{
		Type: "rsa", Bits: bits, Fingerprint: print, PublicKey: "ssh-rsa AAAA issuetrail", Source: "managed", Role: model.KeyActive,
		InstalledAt: time.Date(2026, 1, 2, 3, 4, 5, 678000, time.UTC),
	}
}

func (o *outside) use(k model.KeyInfo) model.KeyInfo {
	if o.key != nil {
		o.beside[model.KeyPrevious] = *o.key
	}
	k.Role = model.KeyActive
	o.key = &k
	return k
}

func (o *outside) Import(ctx context.Context, pem, _ []byte) (model.KeyInfo, string, error) {
	info, err := o.Generate(ctx, 3072)
	if strings.Contains(string(pem), "OPENSSH") {
		return info, "openssh", err
	}
	return info, "", err
}

func (o *outside) StageNew(_ context.Context, bits int) (model.KeyInfo, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.keyErr != nil {
		return model.KeyInfo{}, o.keyErr
	}
	o.beside[model.KeyStaged] = played(bits, printB)
	return o.beside[model.KeyStaged], nil
}

func (o *outside) Stage(ctx context.Context, _, _ []byte) (model.KeyInfo, string, error) {
	info, err := o.StageNew(ctx, 2048)
	return info, "putty", err
}

func (o *outside) take(role model.KeyRole, code string) (model.KeyInfo, error) {
	k, ok := o.beside[role]
	if !ok {
		return k, &model.Failure{Code: code, Detail: "there is none", Err: model.ErrNotFound}
	}
	delete(o.beside, role)
	return k, nil
}

func (o *outside) Activate(context.Context) (model.KeyInfo, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.take(model.KeyStaged, "key_staged_missing")
	if err != nil {
		return k, err
	}
	return o.use(k), nil
}

func (o *outside) Rollback(context.Context) (model.KeyInfo, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	k, err := o.take(model.KeyPrevious, "key_previous_missing")
	if err != nil {
		return k, err
	}
	return o.use(k), nil
}

func (o *outside) Drop(_ context.Context, role model.KeyRole) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	_, err := o.take(role, map[model.KeyRole]string{model.KeyStaged: "key_staged_missing", model.KeyPrevious: "key_previous_missing"}[role])
	return err
}

func (o *outside) Rewrap(context.Context) (int, string, error) {
	return 2, "save the file anew", o.keyErr
}

func (o *outside) CheckNow(context.Context) (time.Time, error) {
	o.asked = true
	return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), o.keyErr
}

func (o *outside) Checks(_ context.Context, limit int, cursor string) ([]wire.KeyCheck, string, error) {
	code := "auth_failed"
	return []wire.KeyCheck{{RepositoryID: "7", Repository: cursor, Server: "git.example.com:22", Staged: &code, Hint: fmt.Sprint(limit)}}, "more", nil
}

func (o *outside) Status(context.Context) (wire.KeyStatus, error) {
	return wire.KeyStatus{
		Staged: KeptKey(played(0, printB)), Accepted: 1, Expected: 3,
		Servers: []wire.KeyServer{
			{
				Server: "git.example.com:22", Scheme: "ssh", Host: "git", HostKeys: []wire.ServerKey{{Type: "ssh-ed25519"}}, Algorithms: []string{"rsa-sha2-512"},
				Tried: &wire.ServerTrial{OK: true, Role: "active"}, StagedRepos: &wire.StagedRepos{Accepted: 1}, Failures: []wire.FailedRepos{{Code: "not_found"}},
			},
			{Server: "h:443", Scheme: "https", HostKeys: []wire.ServerKey{}, Algorithms: []string{}, Failures: []wire.FailedRepos{}},
		},
	}, nil
}

func (o *outside) Test(_ context.Context, a model.Address) (wire.TestResult, error) {
	out := wire.TestResult{Steps: []wire.TestStep{{Name: "dns", OK: true, DurationMS: 1.25}}}
	print := printA
	if err, ok := o.tests[a.Host]; ok {
		print = printB
		out.HostKey = &print
		out.Steps = append(out.Steps, wire.TestStep{Name: "tcp", Detail: "refused"})
		return out, err
	}
	out.Refs, out.HostKey, out.Key, out.Protocol, out.Filter = 12, &print, &print, 2, true
	return out, nil
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
