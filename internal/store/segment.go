package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"issuetrail/internal/model"
)

// A segIndex is what is known of a segment's commits without unpacking them.
type segIndex struct {
	id     int64
	hashes []byte
	times  []byte
	linked []int
	gone   []byte
}

func (x *segIndex) len() int                { return len(x.hashes) / 20 }
func (x *segIndex) hash(pos int) model.Hash { return model.Hash(x.hashes[20*pos:]) }

// time is the commit time in microseconds, as links hold it.
func (x *segIndex) time(pos int) int64 {
	if 8*pos+8 > len(x.times) {
		return 0
	}
	return int64(binary.BigEndian.Uint64(x.times[8*pos:])) * 1e6
}

func (s *Store) readIndex(ctx context.Context, id int64) (x segIndex, err error) {
	x.id = id
	var linked []byte
	err = s.db.read(ctx, func(t *tx) error {
		return t.row(`SELECT i.hashes, i.times, i.linked, s.gone FROM segment_index i JOIN segment s ON s.id = i.segment_id WHERE i.segment_id = $1`, id).
			Scan(&x.hashes, &x.times, &linked, &x.gone)
	})
	if err == nil {
		x.linked, err = positions(linked)
	}
	if err != nil {
		return x, fmt.Errorf("read segment %d: %w", id, err)
	}
	return x, nil
}

func (s *Store) readBlocks(ctx context.Context, id int64) (blocks []block, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		return t.each(`SELECT first, raw FROM segment_block WHERE segment_id = $1 ORDER BY first`, []any{id}, func(rows *sql.Rows) error {
			var b block
			err := rows.Scan(&b.first, &b.raw)
			blocks = append(blocks, b)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read segment %d: %w", id, err)
	}
	return blocks, nil
}

func (s *Store) segmentIDs(ctx context.Context, query string, args ...any) (ids []int64, err error) {
	err = s.db.read(ctx, func(t *tx) error {
		return t.each(query, args, func(rows *sql.Rows) error {
			var id int64
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
	})
	return ids, err
}

// EachCommit calls f for every commit of a repo that syncs recorded, in the order they were stored. The
// raw commit is valid during the call alone; f may ask the store.
func (s *Store) EachCommit(ctx context.Context, repoID int64, f func(model.RawCommit) error) error {
	ids, err := s.segmentIDs(ctx, `SELECT id FROM segment WHERE repo_id = $1 AND done = 1 ORDER BY id`, repoID)
	if err != nil {
		return fmt.Errorf("read the history of repository %d: %w", repoID, err)
	}
	var buf []byte
	for _, id := range ids {
		x, err := s.readIndex(ctx, id)
		if err != nil {
			return err
		}
		if buf, err = s.eachOf(ctx, x, buf, func(pos int, c model.RawCommit) error { return f(c) }); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) eachOf(ctx context.Context, x segIndex, buf []byte, f func(pos int, c model.RawCommit) error) ([]byte, error) {
	blocks, err := s.readBlocks(ctx, x.id)
	if err != nil {
		return buf, err
	}
	for _, b := range blocks {
		if err := ctx.Err(); err != nil {
			return buf, err
		}
		buf, err = s.pack.eachRaw(b, buf, func(pos int, raw []byte) error {
			if pos >= x.len() {
				return errPacked
			}
			return f(pos, model.RawCommit{Hash: x.hash(pos), Raw: raw})
		})
		if err != nil {
			return buf, err
		}
	}
	return buf, nil
}

// A rawReader reads single commits, each block once.
type rawReader struct {
	s      *Store
	blocks map[int64][]block // by segment; raw is unpacked here
}

// read gives a copy of the raw commit at a place, or model.ErrNotFound.
func (r *rawReader) read(ctx context.Context, segment int64, pos int) (raw []byte, err error) {
	for _, b := range r.blocks[segment] {
		if raw, err := nth(b, pos); err == nil {
			return raw, nil
		}
	}
	var b block
	err = r.s.db.read(ctx, func(t *tx) error {
		err := t.row(`SELECT first, raw FROM segment_block WHERE segment_id = $1 AND first <= $2 ORDER BY first DESC LIMIT 1`, segment, int64(pos)).
			Scan(&b.first, &b.raw)
		if errors.Is(err, sql.ErrNoRows) {
			return model.ErrNotFound
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if b.raw, err = r.s.pack.dec.DecodeAll(b.raw, nil); err != nil {
		return nil, fmt.Errorf("segment %d: %w: %w", segment, errPacked, err)
	}
	if r.blocks == nil {
		r.blocks = map[int64][]block{}
	}
	r.blocks[segment] = append(r.blocks[segment], b)
	return nth(b, pos)
}

// nth finds a commit in an unpacked block.
func nth(b block, pos int) ([]byte, error) {
	rest := b.raw
	for at := b.first; len(rest) > 0 && at <= pos; at++ {
		n, size := binary.Uvarint(rest)
		if size <= 0 || uint64(len(rest)-size) < n {
			return nil, errPacked
		}
		if at == pos {
			return rest[size : size+int(n)], nil
		}
		rest = rest[size+int(n):]
	}
	return nil, model.ErrNotFound
}
