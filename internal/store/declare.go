package store

import (
	"context"
	"database/sql"
	"fmt"

	"issuetrail/internal/model"
)

// DeclareRepos makes the repos of the config file those of the store: new ones are
// added and queued, the file's settings win over those of a repo that was
// added by hand, and one that left the file is suspended, never deleted. One that
// comes back is resumed, unless a person had suspended it. One that moved is known by its
// old address, too, and stays at the new one, unless the file has both.
//
// It also brings all repos to what Options.Belongs and Options.Identify say now. Where that makes two of them
// one, both stay as they are, which is logged once.
func (s *Store) DeclareRepos(ctx context.Context, specs []model.RepoSpec) error {
	var torn []tear
	err := s.db.write(ctx, "declare_repos", func(t *tx) error {
		if err := t.lockNames(); err != nil {
			return err
		}
		r, err := s.readRoster(t)
		if err != nil {
			return err
		}
		if err := r.rehost(); err != nil {
			return err
		}
		if err := r.rekey(); err != nil {
			return err
		}
		listed, err := r.declareAll(specs)
		if err != nil {
			return err
		}
		if err := r.rekey(); err != nil { // some have another host now
			return err
		}
		torn = r.torn
		return suspendOthers(t, listed)
	})
	if err != nil {
		return fmt.Errorf("take over the repositories of the config: %w", err)
	}
	s.tell(torn)
	s.db.wake()
	return nil
}

// declareAll gives the ids of the repos that the specs are. First come those whose address
// some repo has: an old address of such a one is another repository's.
func (r *roster) declareAll(specs []model.RepoSpec) (map[int64]bool, error) {
	listed := map[int64]bool{}
	var others []model.RepoSpec
	for _, spec := range specs {
		spec.Source = model.SourceConfig
		at, err := r.seat(spec.Host, spec.URL)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", model.KeptURL(spec.URL), err)
		}
		m := r.at(at)
		if m == nil {
			others = append(others, spec)
			continue
		}
		if err := r.declareAt(m, spec, at); err != nil {
			return nil, fmt.Errorf("%s: %w", model.KeptURL(spec.URL), err)
		}
		listed[m.id] = true
	}
	direct := map[int64]bool{}
	for id := range listed {
		direct[id] = true
	}
	for _, spec := range others {
		id, err := r.declareOther(spec, direct)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", model.KeptURL(spec.URL), err)
		}
		listed[id] = true
	}
	return listed, nil
}

// at gives the repo that has a place now, or nil.
func (r *roster) at(at seat) *member {
	if a, err := model.ParseAddress(at.url); err == nil && r.plain[a.Key()] != nil {
		return r.plain[a.Key()] // also where its row could not get the key
	}
	return r.byKey[at.key]
}

// before gives the old address that a place is, or nil.
func (r *roster) before(at seat) *member {
	m := r.once[at.key]
	if a, err := model.ParseAddress(at.url); err == nil && m == nil {
		m = r.plainOnce[a.Key()]
	}
	if m == nil || r.once[m.at.key] != m {
		return nil
	}
	return m
}

// declareOther is for an address that no repo had at first: an old one, or a new one.
func (r *roster) declareOther(spec model.RepoSpec, direct map[int64]bool) (int64, error) {
	at, err := r.seat(spec.Host, spec.URL)
	if err != nil {
		return 0, err
	}
	if m := r.at(at); m != nil { // the file has it twice
		return m.id, r.declareAt(m, spec, at)
	}
	before := r.before(at)
	if m := before; m != nil && !direct[m.id] {
		for _, now := range r.all {
			if now.id == m.id {
				return m.id, r.settings(now, spec)
			}
		}
	}
	if before != nil {
		if err := r.forget(before.at.key); err != nil {
			return 0, err
		}
	}
	id, err := insertRepo(r.t, spec, at)
	if err != nil {
		return 0, err
	}
	r.join(&member{id: id, host: spec.Host, at: at})
	return id, enqueue(r.t, model.Request{RepoID: id, Priority: model.PriorityManual, Fetch: true})
}

// declareAt takes settings and URL of the file.
func (r *roster) declareAt(m *member, spec model.RepoSpec, at seat) error {
	if other := r.byKey[at.key]; other != nil && other != m {
		at.key = m.at.key // torn; rekey tells
	}
	if at != m.at {
		if err := r.place(m, at); err != nil {
			return err
		}
	}
	return r.settings(m, spec)
}

// settings takes what the file says beside the URL. An id is that of one hosts entry.
func (r *roster) settings(m *member, spec model.RepoSpec) error {
	set := ``
	if m.host != spec.Host {
		set, m.host = `, host_id = '', moved_to = ''`, spec.Host
	}
	_, err := r.t.exec(`UPDATE repo SET host = $1, schedule = $2, mirror = $3, projects = $4, source = $5`+set+` WHERE id = $6`,
		spec.Host, spec.Schedule, string(spec.Mirror), list(spec.Projects), string(spec.Source), m.id)
	if err != nil || !m.undeclared {
		return err
	}
	m.undeclared = false
	if _, err = r.t.exec(`UPDATE repo SET suspended = 0, undeclared = 0 WHERE id = $1`, m.id); err != nil {
		return err
	}
	return enqueue(r.t, model.Request{RepoID: m.id, Priority: model.PriorityManual, Fetch: true})
}

// suspendOthers suspends the repos of the config that are not listed there any more.
func suspendOthers(t *tx, listed map[int64]bool) error {
	var left []int64
	err := t.each(`SELECT id FROM repo WHERE source = $1 AND deleted = 0 AND suspended = 0`, []any{string(model.SourceConfig)}, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		if !listed[id] {
			left = append(left, id)
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, id := range left {
		if _, err := t.exec(`UPDATE repo SET suspended = 1, undeclared = 1 WHERE id = $1`, id); err != nil {
			return err
		}
		if _, err := t.exec(`DELETE FROM job WHERE repo_id = $1 AND state = 0`, id); err != nil {
			return err
		}
	}
	return nil
}
