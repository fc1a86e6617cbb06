package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"issuetrail/internal/model"
)

const repoColumns = `r.id, r.url, r.host, r.name, r.schedule, r.mirror, r.projects, r.source, r.suspended, r.default_branch, r.created_at, r.host_id, r.moved_to`

type scanner interface{ Scan(...any) error }

// scanRepo reads repoColumns, and what comes after them into more.
func scanRepo(row scanner, more ...any) (model.Repo, error) {
	var r model.Repo
	var projects string
	var created int64
	err := row.Scan(append([]any{
		&r.ID, &r.URL, &r.Host, &r.Name, &r.Schedule, &r.Mirror, &projects,
		&r.Source, &r.Suspended, &r.DefaultBranch, &created, &r.HostID, &r.MovedTo,
	}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return model.Repo{}, model.ErrNotFound
	}
	if err != nil {
		return model.Repo{}, err
	}
	r.CreatedAt = fromMicros(created)
	return r, json.Unmarshal([]byte(projects), &r.Projects)
}

// AddRepo adds a repo and queues its first sync. The error is model.ErrExists when
// there is one of the same address, or one that had it before it moved, or a Failure of
// code url_invalid.
func (s *Store) AddRepo(ctx context.Context, spec model.RepoSpec) (r model.Repo, err error) {
	err = s.db.write(ctx, "add_repo", func(t *tx) error {
		at, err := s.naming.seat(spec.Host, spec.URL)
		if err != nil {
			return err
		}
		if err := t.lockNames(); err != nil {
			return err
		}
		if once, err := repoOnceAt(t, at.key); err != nil || once != 0 {
			return cmp.Or(err, model.ErrExists)
		}
		id, err := insertRepo(t, spec, at)
		if err != nil {
			return err
		}
		if err := enqueue(t, model.Request{RepoID: id, Priority: model.PriorityManual, Fetch: true}); err != nil {
			return err
		}
		r, err = repoByID(t, id)
		return err
	})
	if err != nil {
		return model.Repo{}, fmt.Errorf("add %s: %w", model.KeptURL(spec.URL), err)
	}
	s.db.wake()
	return r, nil
}

func insertRepo(t *tx, spec model.RepoSpec, at seat) (id int64, err error) {
	now, err := t.now()
	if err != nil {
		return 0, err
	}
	err = t.row(`INSERT INTO repo (address_key, url, server, host, name, match_path, match_name, schedule, mirror, projects, source, created_at)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12) ON CONFLICT (address_key) DO NOTHING RETURNING id`,
		at.key, at.url, at.server, spec.Host, at.name, at.path, at.word,
		spec.Schedule, string(spec.Mirror), list(spec.Projects), string(spec.Source), micros(now)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, model.ErrExists
	}
	return id, err
}

// list writes strings as JSON, none as "[]".
func list(words []string) string {
	if len(words) == 0 {
		return "[]"
	}
	b, _ := json.Marshal(words) // strings always marshal
	return string(b)
}

func repoByID(t *tx, id int64) (model.Repo, error) {
	return scanRepo(t.row(`SELECT `+repoColumns+` FROM repo r WHERE r.id = $1 AND r.deleted = 0`, id))
}

// Repo gives one repo, or model.ErrNotFound.
func (s *Store) Repo(ctx context.Context, id int64) (r model.Repo, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		r, err = repoByID(t, id)
		return err
	})
	return r, err
}

// FindRepo gives the repo that s names: by its URL in any form, by one that it had before it
// moved, by its id, or by its name if no other repo has it. The error is model.ErrNotFound.
func (s *Store) FindRepo(ctx context.Context, word string) (r model.Repo, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		if a, err := model.ParseAddress(word); err == nil {
			r, err = s.repoByAddress(t, word, a)
			return err
		}
		if id, err := strconv.ParseInt(word, 10, 64); err == nil {
			if r, err = repoByID(t, id); !errors.Is(err, model.ErrNotFound) {
				return err
			}
		}
		var found []model.Repo
		err := t.each(`SELECT `+repoColumns+` FROM repo r WHERE r.name = $1 AND r.deleted = 0 ORDER BY r.id LIMIT 2`, []any{word}, func(rows *sql.Rows) error {
			one, err := scanRepo(rows)
			found = append(found, one)
			return err
		})
		if err != nil {
			return err
		}
		switch len(found) {
		case 0:
			return model.ErrNotFound
		case 1:
			r = found[0]
			return nil
		}
		return fmt.Errorf("several repositories are named %s: give the URL: %w", word, model.ErrNotFound)
	})
	return r, err
}

// repoByAddress looks also for the very URL: a repo of a hosts entry that is not the one of its
// address is known by another key.
func (s *Store) repoByAddress(t *tx, url string, a model.Address) (model.Repo, error) {
	key := s.naming.identity("", a).Key
	for _, q := range []struct{ where, word string }{
		{`WHERE r.address_key = $1`, key},
		{`JOIN repo_alias a ON a.repo_id = r.id WHERE a.address_key = $1`, key},
		{`WHERE r.url = $1`, sane(url)},
	} {
		r, err := scanRepo(t.row(`SELECT `+repoColumns+` FROM repo r `+q.where+` AND r.deleted = 0`, q.word))
		if !errors.Is(err, model.ErrNotFound) {
			return r, err
		}
	}
	return model.Repo{}, model.ErrNotFound
}

// UpdateRepo changes what the patch names. A repo that is resumed is queued.
func (s *Store) UpdateRepo(ctx context.Context, id int64, p model.RepoPatch) (r model.Repo, err error) {
	err = s.db.write(ctx, "update_repo", func(t *tx) error {
		if r, err = repoByID(t, id); err != nil {
			return err
		}
		resumed := r.Suspended && p.Suspended != nil && !*p.Suspended
		apply(&r, p)
		_, err := t.exec(`UPDATE repo SET schedule = $1, mirror = $2, projects = $3, suspended = $4, undeclared = 0 WHERE id = $5`,
			r.Schedule, string(r.Mirror), list(r.Projects), flag(r.Suspended), id)
		if err != nil {
			return err
		}
		if r.Suspended {
			_, err = t.exec(`DELETE FROM job WHERE repo_id = $1 AND state = 0`, id)
		} else if resumed {
			err = enqueue(t, model.Request{RepoID: id, Priority: model.PriorityManual, Fetch: true})
		}
		return err
	})
	if err != nil {
		return model.Repo{}, fmt.Errorf("change repository %d: %w", id, err)
	}
	s.db.wake()
	return r, nil
}

func apply(r *model.Repo, p model.RepoPatch) {
	if p.Schedule != nil {
		r.Schedule = *p.Schedule
	}
	if p.Mirror != nil {
		r.Mirror = *p.Mirror
	}
	if p.Projects != nil {
		r.Projects = *p.Projects
	}
	if p.Suspended != nil {
		r.Suspended = *p.Suspended
	}
}
