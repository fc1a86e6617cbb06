package store

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// ErrCursor says that a cursor is none that this list gave.
var ErrCursor = errors.New("the cursor is not one of this list")

// A place is where a page of a list begins: the sort key of the last row before it.
type place []any

// cursor writes a place as the opaque word of the API.
func cursor(keys ...any) string {
	b, _ := json.Marshal(keys) // numbers, strings and bytes always marshal
	return base64.RawURLEncoding.EncodeToString(b)
}

// readCursor reads what cursor wrote of n keys; "" gives a place before all.
func readCursor(s string, n int) (place, error) {
	if s == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil {
		return nil, ErrCursor
	}
	var raw []json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil || len(raw) != n {
		return nil, ErrCursor
	}
	p := make(place, n)
	for i, r := range raw {
		var number int64
		var text string
		if json.Unmarshal(r, &number) == nil {
			p[i] = number
		} else if json.Unmarshal(r, &text) == nil && !strings.Contains(text, "\x00") { // which PostgreSQL does not take
			p[i] = text
		} else {
			return nil, fmt.Errorf("key %d: %w", i, ErrCursor)
		}
	}
	return p, nil
}

func (p place) text(i int) string {
	if p == nil {
		return ""
	}
	s, _ := p[i].(string)
	return s
}

func (p place) number(i int) int64 {
	if p == nil {
		return 0
	}
	n, _ := p[i].(int64)
	return n
}
