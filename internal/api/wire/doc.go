// Package wire holds the JSON bodies of the API: what the server writes and the
// client reads, so that the two cannot drift. Field names are the contract; fields
// may be added. Ids are decimal strings, hashes full hexadecimal object names.
package wire

import (
	"bytes"
	"fmt"
	"time"
)

// Time is a moment on the wire: RFC 3339 in UTC, at most microseconds; null is
// the zero Time.
type Time struct{ time.Time }

// At wraps t.
func At(t time.Time) Time { return Time{t} }

const timeLayout = "2006-01-02T15:04:05.999999Z07:00"

// MarshalJSON writes the moment, or null for the zero Time.
func (t Time) MarshalJSON() ([]byte, error) {
	if t.IsZero() {
		return []byte("null"), nil
	}
	b := make([]byte, 0, len(timeLayout)+2)
	b = append(b, '"')
	b = t.UTC().AppendFormat(b, timeLayout)
	return append(b, '"'), nil
}

// UnmarshalJSON reads what MarshalJSON writes.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		t.Time = time.Time{}
		return nil
	}
	if err := t.Time.UnmarshalJSON(b); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	return nil
}

// A List is one page of items. Items is never null.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"` // cursor of the next page; "" = this is the last
}

// A Problem is an error as RFC 9457 has it, application/problem+json.
type Problem struct {
	Type   string `json:"type"` // always about:blank
	Title  string `json:"title"`
	Status int    `json:"status"`
	Code   string `json:"code"`   // stable word, for programs
	Detail string `json:"detail"` // for people
	Hint   string `json:"hint,omitempty"`
	ID     string `json:"id,omitempty"` // with repository_exists: of the one that exists
}

// Error gives the detail, so that a client can return the problem as it is.
func (p *Problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return fmt.Sprintf("%s (%d)", p.Title, p.Status)
}

// Version is the answer of GET /version.
type Version struct {
	Version string `json:"version"`
	Commit  string `json:"commit"`
	Go      string `json:"go"`
	GoGit   string `json:"go_git"`
}

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status string           `json:"status"` // "ok", or "unready" with status 503
	Checks map[string]Check `json:"checks,omitempty"`
}

// A Check is one condition of being ready: "database" or "key".
type Check struct {
	OK     bool   `json:"ok"`
	Detail string `json:"detail,omitempty"`
	Hint   string `json:"hint,omitempty"` // the command that mends it
}
