package store

import (
	"context"
	"database/sql"
	"fmt"

	"issuetrail/internal/model"
)

// KnownHosts lists the host keys that were added, by host, marker and type.
func (s *Store) KnownHosts(ctx context.Context) (list []model.KnownHost, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		return t.each(`SELECT host, marker, type, host_key, fingerprint, source, added_at FROM known_host
			ORDER BY host, marker, type, fingerprint`, nil, func(rows *sql.Rows) error {
			var h model.KnownHost
			var added int64
			err := rows.Scan(&h.Host, &h.Marker, &h.Type, &h.Key, &h.Fingerprint, &h.Source, &added)
			h.AddedAt = fromMicros(added)
			list = append(list, h)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list known hosts: %w", err)
	}
	return list, nil
}

// ChangeKnownHosts takes host keys away and adds others, all of them or none. A key is told from
// others by its host, marker and fingerprint; one that is there already stays as it is.
func (s *Store) ChangeKnownHosts(ctx context.Context, remove, add []model.KnownHost) error {
	err := s.db.write(ctx, "change_known_hosts", func(t *tx) error {
		for _, h := range remove {
			if _, err := t.exec(`DELETE FROM known_host WHERE host = $1 AND marker = $2 AND fingerprint = $3`, h.Host, h.Marker, h.Fingerprint); err != nil {
				return err
			}
		}
		for _, h := range add {
			if h.AddedAt.IsZero() {
				now, err := t.now()
				if err != nil {
					return err
				}
				h.AddedAt = now
			}
			_, err := t.exec(`INSERT INTO known_host (host, marker, type, host_key, fingerprint, source, added_at)
				VALUES ($1,$2,$3,$4,$5,$6,$7) ON CONFLICT DO NOTHING`, h.Host, h.Marker, h.Type, h.Key, h.Fingerprint, h.Source, micros(h.AddedAt))
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("change known hosts: %w", err)
	}
	return nil
}
