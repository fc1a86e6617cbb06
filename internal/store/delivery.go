package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"issuetrail/internal/model"
)

// keptUpdates bounds the ref updates that are kept of one delivery.
const keptUpdates = 200

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
