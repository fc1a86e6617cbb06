package main

import (
	"context"
	"slices"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/keystore"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
	"issuetrail/internal/store"
	"issuetrail/internal/sync"
)

// An advice adds to a failure at an address what its host is known for; nil stays nil.
type advice func(model.Address, error) error

// history lets the room sync speak to the room mirror.
type history struct {
	pool   *mirror.Pool
	advise advice
}

func (h history) Open(ctx context.Context, a model.Address) (sync.Session, error) {
	s, err := h.pool.Open(ctx, a)
	if err != nil {
		return nil, h.advise(a, err)
	}
	return session{s, a, h.advise}, nil
}

// session is a mirror.Session in the words of the room sync.
type session struct {
	*mirror.Session
	to     model.Address
	advise advice
}

func (s session) Refs(ctx context.Context, same [32]byte) (model.RefList, error) {
	list, err := s.Session.Refs(ctx, same)
	return list, s.advise(s.to, err)
}

func (s session) Fetch(ctx context.Context, wants, haves []model.Hash, progress func(model.Progress),
	emit func(model.RawCommit) error,
) (map[model.Hash]model.Hash, error) {
	res, err := s.Session.Fetch(ctx, mirror.FetchRequest{Wants: wants, Haves: haves, Progress: progress}, emit)
	return res.Tags, s.advise(s.to, err)
}

// hostKeys lets the API speak to the known hosts and scan servers. After a host key
// is trusted it has the repositories of that server tried again.
type hostKeys struct {
	known *keystore.KnownHosts
	pool  *mirror.Pool
	retry func(ctx context.Context, mended func(model.RepoStatus) bool)
}

func (h hostKeys) List(context.Context) ([]model.KnownHost, error) { return h.known.List(), nil }

func (h hostKeys) Scan(ctx context.Context, hostport string) ([]model.KnownHost, error) {
	offered, err := h.pool.Scan(ctx, hostport)
	if err != nil {
		return nil, err
	}
	found := make([]model.KnownHost, len(offered))
	for i, key := range offered {
		found[i] = model.KnownHost{Host: hostport, Type: key.Type(), Key: key.Marshal(), Fingerprint: ssh.FingerprintSHA256(key)}
		found[i].Source = h.known.SourceOf(hostport, key)
	}
	return found, nil
}

func (h hostKeys) Trust(ctx context.Context, hostport, fingerprint string) (model.KnownHost, error) {
	offered, err := h.pool.Scan(ctx, hostport)
	if err != nil {
		return model.KnownHost{}, err
	}
	if !slices.ContainsFunc(offered, func(k ssh.PublicKey) bool { return ssh.FingerprintSHA256(k) == fingerprint }) {
		return model.KnownHost{}, model.ErrNotFound
	}
	added, err := h.known.Add(ctx, hostport, fingerprint, offered)
	if err != nil {
		return model.KnownHost{}, keyFailure(err)
	}
	h.retry(ctx, func(r model.RepoStatus) bool {
		a, err := model.ParseAddress(r.URL)
		return err == nil && a.HostPort() == hostport &&
			(r.LastFailure.Code == model.CodeHostKeyUnknown || r.LastFailure.Code == model.CodeHostKeyChanged)
	})
	return added[0], nil
}

func (h hostKeys) Remove(ctx context.Context, hostport string) error {
	return keyFailure(h.known.Remove(ctx, hostport))
}

// relinker lets the API ask what a relink would change.
type relinker struct{ *sync.Runner }

func (r relinker) DryRun(ctx context.Context, repo model.Repo, changed func(model.LinkChange)) error {
	return r.RelinkDryRun(ctx, repo, changed)
}

// issues lets issues.unreachable: keep show what no followed ref reaches any more
// without being asked.
type issues struct {
	*store.Store
	keep func() bool
}

func (i issues) Issue(ctx context.Context, key model.IssueKey, q model.IssueQuery) (model.Issue, error) {
	q.Unreachable = q.Unreachable || i.keep()
	return i.Store.Issue(ctx, key, q)
}
