package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"issuetrail/internal/model"
)

// Accept stores a delivery and queues the repos that it rings for, durably, in one
// transaction; it gives the delivery back with ID, Status, Reason and Repositories. One that
// was accepted before (by host and the host's own id) is ignored and has the ID
// of the first. One that came to nothing before takes its place: a host that sends it again may
// find the repository added, or a parser that understands it. One that comes rejected or ignored is stored as it is.
//
// In the same transaction a repo learns the host's id of it, follows a rename that the host
// tells, or comes under suspicion to have moved (Repo.MovedTo, see ConfirmMove); and a pull
// request is noted with its links.
func (s *Store) Accept(ctx context.Context, d model.Delivery) (model.Delivery, error) {
	d.BodySize = max(d.BodySize, int64(len(d.Body)))
	var body []byte
	if len(d.Body) > 0 && len(d.Body) <= model.MaxKeptBody {
		body = s.pack.enc.EncodeAll(d.Body, nil)
	}
	d.Push.PullRequest = plausible(d.Push.PullRequest, d.ReceivedAt)
	push, err := json.Marshal(keep(d.Push))
	if err != nil {
		return d, fmt.Errorf("store a delivery of %s: %w", d.Host, err)
	}
	var v verdict
	if d.Status == "" || d.Status == model.DeliveryAccepted {
		err := s.db.read(ctx, func(t *tx) (err error) {
			v, err = s.judge(t, d, false)
			return err
		})
		if err != nil {
			return d, fmt.Errorf("find the repositories of a delivery of %s: %w", d.Host, err)
		}
		v.settle(&d)
	} else {
		d.Repositories = nil
	}
	out, seen := d, false
	err = s.db.write(ctx, "accept", func(t *tx) (err error) {
		out = d
		seen, err = insertDelivery(t, &out, string(push), body)
		if err != nil || seen {
			return err
		}
		return s.apply(t, v, &out, false)
	})
	if err != nil {
		return d, fmt.Errorf("store a delivery of %s: %w", d.Host, err)
	}
	if seen {
		out.Status, out.Reason, out.Repositories = model.DeliveryIgnored, "seen before", nil
	} else if out.Status == model.DeliveryAccepted {
		s.db.wake()
	}
	return out, nil
}

// insertDelivery sets ID and ReceivedAt of the delivery. It says whether it was seen before.
func insertDelivery(t *tx, d *model.Delivery, push string, body []byte) (seen bool, err error) {
	now, err := t.now()
	if err != nil {
		return false, err
	}
	if d.ReceivedAt.IsZero() {
		d.ReceivedAt = now
	}
	var id int64
	err = t.row(`INSERT INTO delivery (host, host_id, received_at, status, reason, repositories, push, body_size, body)
		VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT (host, host_id) WHERE host_id <> ''
		DO UPDATE SET received_at = excluded.received_at, status = excluded.status, reason = excluded.reason, repositories = excluded.repositories,
			push = excluded.push, body_size = excluded.body_size, body = excluded.body WHERE delivery.status <> 'accepted' RETURNING id`,
		d.Host, sane(d.Push.DeliveryID), micros(d.ReceivedAt), string(d.Status), sane(d.Reason), list(d.Repositories), push,
		d.BodySize, body).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		seen = true
		err = t.row(`SELECT id FROM delivery WHERE host = $1 AND host_id = $2`, d.Host, sane(d.Push.DeliveryID)).Scan(&id)
	}
	d.ID = strconv.FormatInt(id, 10)
	return seen, err
}

// apply does what the verdict says of a stored delivery. A verdict that only rings was read
// before the transaction, and that is enough. One that changes more is come to again in it.
func (s *Store) apply(t *tx, v verdict, d *model.Delivery, late bool) error {
	if v.renames() || v.of != 0 && d.Push.PullRequest != nil {
		if err := s.again(t, &v, d, late); err != nil {
			return err
		}
	}
	if v.everyone {
		return enqueueHost(t, d.Host)
	}
	if err := ring(t, v.ids); err != nil || !v.renames() {
		return err
	}
	return v.rename(t, d.Push.RepoID)
}

// again comes to the verdict within the transaction, and notes the pull request.
func (s *Store) again(t *tx, v *verdict, d *model.Delivery, late bool) (err error) {
	if v.renames() {
		if err := t.lockNames(); err != nil {
			return err
		}
	}
	before := *d
	if *v, err = s.judge(t, *d, late); err != nil {
		return err
	}
	v.settle(d)
	if pr := d.Push.PullRequest; pr != nil && v.of != 0 {
		if err := s.notePullRequest(t, v.of, *pr, d); err != nil {
			return err
		}
	}
	if d.Status != before.Status || d.Reason != before.Reason || !slices.Equal(d.Repositories, before.Repositories) {
		if err := noteOutcome(t, *d); err != nil {
			return err
		}
	}
	if v.move == 0 || t.sql.forChange == "" {
		return nil
	}
	// Whoever queues a job looks at the repo last, whoever ends one looks at it first.
	var one int
	return t.row(`SELECT 1 FROM repo WHERE id = $1`+t.sql.forChange, v.move).Scan(&one)
}

// rename brings what the verdict says of addresses and ids into the repos' rows.
func (v *verdict) rename(t *tx, hostID string) error {
	for _, key := range v.over {
		if err := dropAlias(t, key); err != nil {
			return err
		}
	}
	if v.move != 0 {
		if err := moveRepo(t, v.move, v.to); err != nil {
			return err
		}
	}
	for _, set := range []struct {
		id     int64
		column string
		value  string
	}{
		{v.suspect, `moved_to`, v.to.url},
		{v.learn, `host_id`, sane(hostID)},
		{v.forget, `moved_to = '', host_id`, ""},
	} {
		if set.id == 0 {
			continue
		}
		if _, err := t.exec(`UPDATE repo SET `+set.column+` = $2 WHERE id = $1`, set.id, set.value); err != nil {
			return err
		}
	}
	return nil
}

// settle says in the delivery what the verdict is.
func (v *verdict) settle(d *model.Delivery) {
	d.Status, d.Reason, d.Repositories = model.DeliveryAccepted, v.reason, v.names
	pr := d.Push.PullRequest
	switch {
	case len(v.ids) > 0 || v.everyone:
		if pr != nil {
			d.Reason = join(wordsOf(*pr, noted), v.reason)
		}
		return
	case pr != nil && v.of != 0:
		d.Reason = join("no ref moved", wordsOf(*pr, noted), v.reason)
	case pr != nil && v.unsure:
		d.Reason = fmt.Sprintf("no ref moved; whose pull request %d is, is not sure", pr.Number)
	case v.suspended:
		d.Reason = join("suspended", v.reason)
	case v.reason == "":
		d.Reason = "the repository is not mirrored"
	}
	d.Status = model.DeliveryIgnored
}

// ring queues repos, in one order whatever found them: else two deliveries at once could wait
// for each other.
func ring(t *tx, repos []int64) error {
	for _, id := range slices.Sorted(slices.Values(repos)) {
		if err := enqueue(t, model.Request{RepoID: id, Priority: model.PriorityWebhook, Fetch: true}); err != nil {
			return err
		}
	}
	return nil
}

func noteOutcome(t *tx, d model.Delivery) error {
	id, _ := strconv.ParseInt(d.ID, 10, 64) // the database gave it
	_, err := t.exec(`UPDATE delivery SET status = $1, reason = $2, repositories = $3 WHERE id = $4`,
		string(d.Status), sane(d.Reason), list(d.Repositories), id)
	return err
}

// Redeliver looks for the repos of a stored delivery again and queues them. A
// rejected one stays rejected. What it says of ids is not learnt again, and a rename is
// but a suspicion, for it may be old.
func (s *Store) Redeliver(ctx context.Context, id string) (d model.Delivery, err error) {
	if d, err = s.Delivery(ctx, id); err != nil {
		return d, err
	}
	if d.Status == model.DeliveryRejected {
		return d, nil
	}
	stored := d
	err = s.db.write(ctx, "redeliver", func(t *tx) error {
		d = stored
		v, err := s.judge(t, d, true)
		if err != nil {
			return err
		}
		v.settle(&d)
		if err := noteOutcome(t, d); err != nil {
			return err
		}
		return s.apply(t, v, &d, true)
	})
	if err != nil {
		return d, fmt.Errorf("redeliver %s: %w", id, err)
	}
	s.db.wake()
	return d, nil
}

// plausible bounds the time of a pull request by our own clock: one from far in the future would
// never change again.
func plausible(p *model.PullRequest, received time.Time) *model.PullRequest {
	if p == nil {
		return nil
	}
	if received.IsZero() {
		received = time.Now()
	}
	out := *p
	if out.UpdatedAt.Before(time.Unix(0, 0)) || out.UpdatedAt.After(received.Add(24*time.Hour)) {
		out.UpdatedAt = time.Time{}
	}
	return &out
}
