package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"

	"issuetrail/internal/api"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

var _ api.KeyWatch = (*keyWatch)(nil)

// accepted is the word for a key that a server takes.
const accepted = "ok"

// Checks tells of the repositories over SSH that are not suspended, a page of all at a time.
func (w *keyWatch) Checks(ctx context.Context, limit int, cursor string) ([]wire.KeyCheck, string, error) {
	repos, next, err := w.store.RepoStatuses(ctx, limit, cursor)
	if err != nil {
		return nil, "", err
	}
	infos, err := w.keys.Infos(ctx)
	if err != nil {
		return nil, "", err
	}
	staged := ofRole(infos, model.KeyStaged)
	var known map[int64]model.KeyCheck
	if staged != nil {
		if known, err = w.known(ctx, staged.Fingerprint); err != nil {
			return nil, "", err
		}
	}
	items := []wire.KeyCheck{}
	for _, r := range repos {
		to, err := model.ParseAddress(r.URL)
		if err != nil || r.Suspended || to.HTTPS() {
			continue
		}
		item := wire.KeyCheck{
			RepositoryID: strconv.FormatInt(r.ID, 10), Repository: r.Name, URL: r.URL, Host: r.Host, Server: to.HostPort(), Active: lastSync(r),
		}
		if c, ok := known[r.ID]; ok {
			word, f := accepted, w.mend(to, c)
			if f != nil {
				word, item.Detail, item.Hint = f.Code, f.Detail, f.Hint
			}
			item.Staged, item.CheckedAt = &word, wire.At(c.CheckedAt)
		}
		items = append(items, item)
	}
	return items, next, nil
}

// lastSync says how the last sync went; nil = there was none.
func lastSync(r model.RepoStatus) *string {
	word := accepted
	switch {
	case r.LastFailure != nil:
		word = r.LastFailure.Code
	case r.LastSyncedAt.IsZero():
		return nil
	}
	return &word
}

// mend says why a server did not accept the staged key, and what a person does about it on this host;
// nil = it did.
func (w *keyWatch) mend(to model.Address, c model.KeyCheck) *model.Failure {
	if c.OK {
		return nil
	}
	f := &model.Failure{Code: c.Code, Detail: c.Detail}
	switch c.Code {
	case model.CodeAuthFailed:
		f.Hint = fmt.Sprintf("add the staged public key to the account that %s@%s logs in to; issuetrail key show --staged --public prints it", to.User, to.HostPort())
	case model.CodeNotFound:
		f.Hint = "the server knows the staged key: let the account, or the deploy key, that it belongs to read this repository, too"
	case model.CodeHostKeyUnknown, model.CodeHostKeyChanged:
		f.Hint = "issuetrail known-hosts scan " + to.HostPort() + " shows the server's keys; compare them before one is trusted"
	}
	return model.AsFailure(w.advise(to, f))
}

func ofRole(infos []model.KeyInfo, role model.KeyRole) *wire.KeptKey {
	for _, k := range infos {
		if k.Role == role {
			return api.KeptKey(k)
		}
	}
	return nil
}

// Status tells of each server, by name.
func (w *keyWatch) Status(ctx context.Context) (wire.KeyStatus, error) {
	infos, err := w.keys.Infos(ctx)
	if err != nil {
		return wire.KeyStatus{}, err
	}
	out := wire.KeyStatus{
		Active: ofRole(infos, model.KeyActive), Staged: ofRole(infos, model.KeyStaged), Previous: ofRole(infos, model.KeyPrevious),
		Checking: !w.wanted().IsZero(), Servers: []wire.KeyServer{},
	}
	m := matrix{keyWatch: w, infos: infos, rows: map[string]*wire.KeyServer{}}
	if out.Staged != nil {
		m.staged = true
		if m.known, err = w.known(ctx, out.Staged.Fingerprint); err != nil {
			return wire.KeyStatus{}, err
		}
	}
	for cursor := ""; ; {
		repos, next, err := w.store.RepoStatuses(ctx, 1000, cursor)
		if err != nil {
			return wire.KeyStatus{}, err
		}
		for _, r := range repos {
			m.add(r)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	for _, row := range m.rows {
		if s := row.StagedRepos; s != nil {
			out.Accepted += s.Accepted
			out.Expected += s.Accepted + s.Refused + s.Untried
		}
		out.Servers = append(out.Servers, *row)
	}
	slices.SortFunc(out.Servers, func(a, b wire.KeyServer) int {
		return cmp.Or(cmp.Compare(a.Server, b.Server), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Scheme, b.Scheme))
	})
	return out, nil
}

// A matrix is filled with one repository after another.
type matrix struct {
	*keyWatch
	infos  []model.KeyInfo
	staged bool
	known  map[int64]model.KeyCheck
	rows   map[string]*wire.KeyServer
}

func (m *matrix) add(r model.RepoStatus) {
	to, err := model.ParseAddress(r.URL)
	if err != nil {
		return
	}
	key := place(to) + " " + r.Host
	row := m.rows[key]
	if row == nil {
		row = m.row(to, r.Host)
		m.rows[key] = row
	}
	row.Repositories.Total++
	if r.LastSyncedAt.After(row.LastSuccess.Time) {
		row.LastSuccess = wire.At(r.LastSyncedAt)
	}
	switch {
	case r.Suspended:
		row.Repositories.Suspended++
		return
	case r.LastFailure != nil:
		m.failed(row, to, r.LastFailure)
	case !r.LastSyncedAt.IsZero():
		row.Repositories.Reachable++
	}
	if row.StagedRepos == nil {
		return
	}
	switch c, tried := m.known[r.ID]; {
	case !tried:
		row.StagedRepos.Untried++
	case c.OK:
		row.StagedRepos.Accepted++
	default:
		row.StagedRepos.Refused++
	}
}

// row is that of a server without repositories.
func (m *matrix) row(to model.Address, host string) *wire.KeyServer {
	row := &wire.KeyServer{Server: to.HostPort(), Scheme: scheme(to), Host: host, HostKeys: []wire.ServerKey{}, Algorithms: []string{}, Failures: []wire.FailedRepos{}}
	if !to.HTTPS() {
		row.HostKeys, row.Algorithms = m.facts(to)
		if m.staged {
			row.StagedRepos = &wire.StagedRepos{}
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	row.PreviousNeeded = m.previousNeeded(to)
	if t := m.trials[place(to)]; t != nil {
		shown := *t
		for _, k := range m.infos {
			if k.Fingerprint == t.Key {
				shown.Role = string(k.Role)
			}
		}
		row.Tried = &shown
	}
	return row
}

func (m *matrix) failed(row *wire.KeyServer, to model.Address, f *model.Failure) {
	i := slices.IndexFunc(row.Failures, func(x wire.FailedRepos) bool { return x.Code == f.Code })
	if i < 0 {
		i = len(row.Failures)
		row.Failures = append(row.Failures, wire.FailedRepos{Code: f.Code, Hint: model.AsFailure(m.advise(to, f)).Hint})
	}
	row.Failures[i].Repositories++
}
