package store

import (
	"database/sql"
	"errors"
	"math"
)

// How many rows of a stream are read at once: few at first, more when it goes on.
const (
	streamPage = 512
	streamMost = 1 << 14
)

// A stream reads activities, newest first, a range of time after another. In imported history
// many have the same time; they are read by key, a page after another. Nothing is sorted
// but what is used.
type stream struct {
	t      *tx
	prefix string
	same   string   // query: what has the time of last, and a key after its key
	border string   // query: the time of the row that ends a page of rows older than last
	older  string   // query: what is older than last, and newer than a border
	last   activity // what is newer, or has its time and no greater key, was read
	page   int64
	rows   []activity
	ended  bool
}

// "|| ”" keeps the engines from reading all keys of the prefix and sorting them by time.
const (
	sameTimeLinks = `SELECT l.issue_key, l.committed_at ` + visibleLinks +
		` AND l.committed_at = $1 AND l.issue_key > $2 AND l.issue_key >= $3 AND l.issue_key < $4 ORDER BY l.issue_key LIMIT $5`
	borderOfLinks = `SELECT committed_at FROM link WHERE committed_at < $1 ORDER BY committed_at DESC LIMIT 1 OFFSET $2`
	olderLinks    = `SELECT l.issue_key, l.committed_at ` + visibleLinks +
		` AND l.committed_at < $1 AND l.committed_at > $2 AND l.issue_key || '' >= $3 AND l.issue_key || '' < $4 ORDER BY l.committed_at DESC, l.issue_key`
	sameTimeBranches = `SELECT b.issue_key, b.created_at ` + visibleBranches +
		` AND b.created_at = $1 AND b.issue_key > $2 AND b.issue_key >= $3 AND b.issue_key < $4 ORDER BY b.issue_key LIMIT $5`
	borderOfBranches = `SELECT created_at FROM branch_link WHERE created_at < $1 ORDER BY created_at DESC LIMIT 1 OFFSET $2`
	olderBranches    = `SELECT b.issue_key, b.created_at ` + visibleBranches +
		` AND b.created_at < $1 AND b.created_at > $2 AND b.issue_key || '' >= $3 AND b.issue_key || '' < $4 ORDER BY b.created_at DESC, b.issue_key`
	sameTimePulls = `SELECT p.issue_key, p.updated_at ` + visiblePulls +
		` AND p.updated_at = $1 AND p.issue_key > $2 AND p.issue_key >= $3 AND p.issue_key < $4 ORDER BY p.issue_key LIMIT $5`
	borderOfPulls = `SELECT updated_at FROM pull_request_link WHERE updated_at < $1 ORDER BY updated_at DESC LIMIT 1 OFFSET $2`
	olderPulls    = `SELECT p.issue_key, p.updated_at ` + visiblePulls +
		` AND p.updated_at < $1 AND p.updated_at > $2 AND p.issue_key || '' >= $3 AND p.issue_key || '' < $4 ORDER BY p.updated_at DESC, p.issue_key`
)

func linkStream(t *tx, prefix string, from activity) *stream {
	return &stream{t: t, prefix: prefix, last: from, page: streamPage, same: sameTimeLinks, border: borderOfLinks, older: olderLinks}
}

func branchStream(t *tx, prefix string, from activity) *stream {
	return &stream{t: t, prefix: prefix, last: from, page: streamPage, same: sameTimeBranches, border: borderOfBranches, older: olderBranches}
}

func pullStream(t *tx, prefix string, from activity) *stream {
	return &stream{t: t, prefix: prefix, last: from, page: streamPage, same: sameTimePulls, border: borderOfPulls, older: olderPulls}
}

// peek gives the next activity without taking it.
func (s *stream) peek() (activity, bool, error) {
	for len(s.rows) == 0 && !s.ended {
		if err := s.fill(); err != nil {
			return activity{}, false, err
		}
	}
	if len(s.rows) == 0 {
		return activity{}, false, nil
	}
	return s.rows[0], true, nil
}

// fill reads a page or more. Of what has the key and time of last, the rest is passed over: it
// says nothing new.
func (s *stream) fill() error {
	err := s.read(s.same, s.last.at, string(s.last.key), s.prefix, after(s.prefix), s.page)
	if err != nil {
		return err
	}
	if int64(len(s.rows)) == s.page {
		s.last = s.rows[len(s.rows)-1]
		return nil
	}
	border := int64(math.MinInt64)
	err = s.t.row(s.border, s.last.at, s.page-1).Scan(&border)
	if s.ended = errors.Is(err, sql.ErrNoRows); err != nil && !s.ended {
		return err
	}
	err = s.read(s.older, s.last.at, border, s.prefix, after(s.prefix))
	s.last = activity{at: border}
	s.page = min(2*s.page, streamMost)
	return err
}

func (s *stream) read(query string, args ...any) error {
	return s.t.each(query, args, func(rows *sql.Rows) error {
		var a activity
		err := rows.Scan(&a.key, &a.at)
		s.rows = append(s.rows, a)
		return err
	})
}

func (s *stream) take() { s.rows = s.rows[1:] }

// newest takes the next activity of all streams together.
func newest(streams []*stream) (best activity, found bool, err error) {
	var from *stream
	for _, s := range streams {
		a, more, err := s.peek()
		if err != nil {
			return a, false, err
		}
		if more && (from == nil || a.newer(best)) {
			best, from = a, s
		}
	}
	if from == nil {
		return best, false, nil
	}
	from.take()
	return best, true, nil
}
