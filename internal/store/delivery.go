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

// keptUpdates bounds the ref updates that are kept of one delivery.
const keptUpdates = 200

// Accept stores a delivery and queues the repos that it rings for, durably, in one
// transaction; it gives the delivery back with ID, Status, Reason and Repositories. One that
// was seen before (by host and the host's own id) is ignored and has the ID
// of the first. One that comes rejected is stored as it is.
func (s *Store) Accept(ctx context.Context, d model.Delivery) (model.Delivery, error) {
	d.BodySize = max(d.BodySize, int64(len(d.Body)))
	var body []byte
	if len(d.Body) > 0 && len(d.Body) <= model.MaxKeptBody {
		body = s.pack.enc.EncodeAll(d.Body, nil)
	}
	rejected := d.Status == model.DeliveryRejected || d.Status == model.DeliveryIgnored
	var match matched
	if !rejected {
		err := s.db.read(ctx, func(t *tx) (err error) {
			match, err = matchRepos(t, d.Host, d.Push)
			return err
		})
		if err != nil {
			return d, fmt.Errorf("find the repositories of a delivery of %s: %w", d.Host, err)
		}
		match.judge(&d)
	}
	d.Repositories = match.names
	push, err := json.Marshal(keep(d.Push))
	if err != nil {
		return d, fmt.Errorf("store a delivery of %s: %w", d.Host, err)
	}
	seen := false
	err = s.db.write(ctx, "accept", func(t *tx) error {
		seen = false
		now, err := t.now()
		if err != nil {
			return err
		}
		if d.ReceivedAt.IsZero() {
			d.ReceivedAt = now
		}
		var id int64
		err = t.row(`INSERT INTO delivery (host, host_id, received_at, status, reason, repositories, push, body_size, body)
			VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9) ON CONFLICT (host, host_id) WHERE host_id <> '' DO NOTHING RETURNING id`,
			d.Host, sane(d.Push.DeliveryID), micros(d.ReceivedAt), string(d.Status), sane(d.Reason), list(d.Repositories), string(push),
			d.BodySize, body).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			seen = true
			err = t.row(`SELECT id FROM delivery WHERE host = $1 AND host_id = $2`, d.Host, sane(d.Push.DeliveryID)).Scan(&id)
		}
		if err != nil {
			return err
		}
		d.ID = strconv.FormatInt(id, 10)
		if seen {
			return nil
		}
		return ring(t, match.ids)
	})
	if err != nil {
		return d, fmt.Errorf("store a delivery of %s: %w", d.Host, err)
	}
	if seen {
		d.Status, d.Reason, d.Repositories = model.DeliveryIgnored, "seen before", nil
	} else if len(match.ids) > 0 {
		s.db.wake()
	}
	return d, nil
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

// keep is what is stored of a push.
func keep(p model.Push) model.Push {
	p.Updates = p.Updates[:min(len(p.Updates), keptUpdates)]
	return p
}

const deliveryColumns = `id, host, received_at, status, reason, repositories, push, body_size`

func scanDelivery(row scanner, more ...any) (d model.Delivery, err error) {
	var id, received int64
	var repos, push string
	err = row.Scan(append([]any{&id, &d.Host, &received, &d.Status, &d.Reason, &repos, &push, &d.BodySize}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return d, model.ErrNotFound
	}
	if err != nil {
		return d, err
	}
	d.ID, d.ReceivedAt = strconv.FormatInt(id, 10), fromMicros(received)
	return d, errors.Join(json.Unmarshal([]byte(repos), &d.Repositories), json.Unmarshal([]byte(push), &d.Push))
}

// Deliveries lists deliveries without their bodies, newest first, of one host or, with "", of
// all.
func (s *Store) Deliveries(ctx context.Context, host string, limit int, cur string) (out []model.Delivery, next string, err error) {
	at, err := readCursor(cur, 1)
	if err != nil {
		return nil, "", err
	}
	before := at.number(0)
	if at == nil {
		before = 1<<63 - 1
	}
	err = s.db.page(ctx, func(t *tx) error {
		return t.each(`SELECT `+deliveryColumns+` FROM delivery WHERE id < $1 AND ($2 = '' OR host = $2) ORDER BY id DESC LIMIT $3`,
			[]any{before, host, int64(limit) + 1}, func(rows *sql.Rows) error {
				d, err := scanDelivery(rows)
				out = append(out, d)
				return err
			})
	})
	if err != nil {
		return nil, "", fmt.Errorf("list deliveries: %w", err)
	}
	if len(out) > limit {
		out = out[:limit]
		id, _ := strconv.ParseInt(out[limit-1].ID, 10, 64) // written by scanDelivery
		next = cursor(id)
	}
	return out, next, nil
}

// Delivery gives one delivery with its body, if that was kept, or model.ErrNotFound.
func (s *Store) Delivery(ctx context.Context, id string) (d model.Delivery, err error) {
	number, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return d, model.ErrNotFound
	}
	var body []byte
	err = s.db.read(ctx, func(t *tx) error {
		d, err = scanDelivery(t.row(`SELECT `+deliveryColumns+`, body FROM delivery WHERE id = $1`, number), &body)
		return err
	})
	if err == nil && len(body) > 0 {
		d.Body, err = s.pack.dec.DecodeAll(body, nil)
	}
	return d, err
}

// Redeliver looks for the repos of a stored delivery again and queues them. A
// rejected one stays rejected.
func (s *Store) Redeliver(ctx context.Context, id string) (d model.Delivery, err error) {
	if d, err = s.Delivery(ctx, id); err != nil {
		return d, err
	}
	if d.Status == model.DeliveryRejected {
		return d, nil
	}
	err = s.db.write(ctx, "redeliver", func(t *tx) error {
		match, err := matchRepos(t, d.Host, d.Push)
		if err != nil {
			return err
		}
		match.judge(&d)
		d.Repositories = match.names
		number, _ := strconv.ParseInt(id, 10, 64) // Delivery read it
		_, err = t.exec(`UPDATE delivery SET status = $1, reason = $2, repositories = $3 WHERE id = $4`,
			string(d.Status), d.Reason, list(d.Repositories), number)
		if err != nil {
			return err
		}
		return ring(t, match.ids)
	})
	if err != nil {
		return d, fmt.Errorf("redeliver %s: %w", id, err)
	}
	s.db.wake()
	return d, nil
}

// PruneDeliveries removes deliveries received before a time, in short transactions.
func (s *Store) PruneDeliveries(ctx context.Context, before time.Time) error {
	for n := int64(1); n > 0; {
		err := s.db.bulk(ctx, "prune", func(t *tx) (err error) {
			n, err = t.exec(fmt.Sprintf(`DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE received_at < $1 ORDER BY received_at LIMIT %d)`, rowsAtOnce),
				micros(before))
			return err
		})
		if err != nil {
			return fmt.Errorf("remove old deliveries: %w", err)
		}
	}
	return nil
}

// matched are the repos that a delivery rings for.
type matched struct {
	ids       []int64
	names     []string
	suspended bool // some repo matches, but is suspended
}

// judge sets status and reason by what was found.
func (m matched) judge(d *model.Delivery) {
	d.Status, d.Reason = model.DeliveryAccepted, ""
	switch {
	case len(m.ids) > 0:
	case m.suspended:
		d.Status, d.Reason = model.DeliveryIgnored, "suspended"
	default:
		d.Status, d.Reason = model.DeliveryIgnored, "the repository is not mirrored"
	}
}

func (m *matched) has(id int64) bool { return slices.Contains(m.ids, id) }
