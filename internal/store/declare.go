package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"issuetrail/internal/model"
)

// DeclareRepos makes the repos of the config file those of the store: new ones are
// added and queued, the file's settings win over those of a repo that was
// added by hand, and one that left the file is suspended, never deleted. One that
// comes back is resumed, unless a person had suspended it.
func (s *Store) DeclareRepos(ctx context.Context, specs []model.RepoSpec) error {
	err := s.db.write(ctx, "declare_repos", func(t *tx) error {
		listed := map[int64]bool{}
		for _, spec := range specs {
			spec.Source = model.SourceConfig
			id, err := declare(t, spec)
			if err != nil {
				return fmt.Errorf("%s: %w", spec.URL, err)
			}
			listed[id] = true
		}
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
	})
	if err != nil {
		return fmt.Errorf("take over the repositories of the config: %w", err)
	}
	s.db.wake()
	return nil
}

func declare(t *tx, spec model.RepoSpec) (id int64, err error) {
	id, err = insertRepo(t, spec)
	if err == nil {
		return id, enqueue(t, model.Request{RepoID: id, Priority: model.PriorityManual, Fetch: true})
	}
	if !errors.Is(err, model.ErrExists) {
		return 0, err
	}
	a, err := model.ParseAddress(spec.URL)
	if err != nil {
		return 0, err
	}
	var undeclared bool
	if err := t.row(`SELECT id, undeclared FROM repo WHERE address_key = $1`, a.Key()).Scan(&id, &undeclared); err != nil {
		return 0, err
	}
	_, err = t.exec(`UPDATE repo SET url = $1, host = $2, schedule = $3, mirror = $4, projects = $5, source = $6 WHERE id = $7`,
		spec.URL, spec.Host, spec.Schedule, string(spec.Mirror), list(spec.Projects), string(spec.Source), id)
	if err != nil || !undeclared {
		return id, err
	}
	if _, err = t.exec(`UPDATE repo SET suspended = 0, undeclared = 0 WHERE id = $1`, id); err != nil {
		return id, err
	}
	return id, enqueue(t, model.Request{RepoID: id, Priority: model.PriorityManual, Fetch: true})
}
