package store

import (
	"context"
	"fmt"

	"issuetrail/internal/model"
)

// ConfirmMove ends the suspicion that the job's sync looked into: the repo is at its MovedTo
// from now on, with its old address as an alias and its failures forgotten, or, not confirmed,
// it is not there. A suspicion that came up while the job ran stays for the next sync. The error
// is model.ErrFenced when the job is no longer ours, and model.ErrExists when another repo came to
// have the address meanwhile; the suspicion is over then, too.
func (s *Store) ConfirmMove(ctx context.Context, j model.Job, confirmed bool) error {
	taken := false
	err := s.db.write(ctx, "confirm_move", func(t *tx) (err error) {
		taken, err = s.confirmMove(t, j, confirmed)
		return err
	})
	if err == nil && taken {
		err = model.ErrExists
	}
	if err != nil {
		return fmt.Errorf("move repository %d to its new address: %w", j.RepoID, err)
	}
	return nil
}

// confirmMove says whether another repo has the address.
func (s *Store) confirmMove(t *tx, j model.Job, confirmed bool) (taken bool, err error) {
	if err := t.lockNames(); err != nil {
		return false, err
	}
	if err := fence(t, j); err != nil {
		return false, err
	}
	r, err := repoByID(t, j.RepoID)
	if err != nil {
		return false, err
	}
	var asked string
	if err := t.row(`SELECT moved_to FROM job WHERE id = $1`, j.ID).Scan(&asked); err != nil {
		return false, err
	}
	if r.MovedTo == "" || r.MovedTo != asked {
		return false, nil
	}
	if to, err := s.naming.seat(r.Host, r.MovedTo); err == nil && confirmed {
		if taken, err = takenFrom(t, to.key, r.ID, r.Host); err != nil {
			return false, err
		}
		if !taken {
			if err := moveRepo(t, r.ID, to); err != nil {
				return false, err
			}
			_, err = t.exec(`UPDATE repo SET failure_code = '', failure_detail = '', failure_hint = '', failed_at = 0, failures = 0 WHERE id = $1`, r.ID)
			return false, err
		}
	}
	_, err = t.exec(`UPDATE repo SET moved_to = '' WHERE id = $1`, r.ID)
	return taken, err
}
