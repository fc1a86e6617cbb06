package hosts

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"issuetrail/internal/model"
)

// Bounds of what a Push may hold, so that a signed delivery cannot fill the
// memory or the database.
const (
	maxUpdates = 1000 // refs kept as hints; the others are left out
	maxRef     = 1024 // bytes of a ref's name
	maxName    = 1024 // bytes of a repository's name
	maxURL     = 2000 // bytes of an address; a longer one is left out
	maxWord    = 200  // bytes of an event, a delivery id, a repository id
	maxTitle   = 1000 // bytes of a pull request's title; a longer one is cut
)

// decode reads JSON into a struct of the few fields that are used. Fields may be
// missing or null; one of another type is an error that names it.
func decode(body []byte, v any) error {
	err := json.Unmarshal(bytes.TrimPrefix(body, []byte("\uFEFF")), v)
	var wrong *json.UnmarshalTypeError
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &wrong):
		kind, _, _ := strings.Cut(wrong.Value, " ") // "number 5" would repeat the value
		return fmt.Errorf("the field %.100q has the wrong type: %s", wrong.Field, kind)
	case errors.As(err, &syntax):
		return fmt.Errorf("the body is not JSON: %w at byte %d", err, syntax.Offset)
	case err != nil:
		return fmt.Errorf("the body is not understood: %w", err)
	}
	return nil
}

// payload gives the JSON of a delivery: the body, or the field "payload" of a form.
func payload(h http.Header, body []byte) ([]byte, error) {
	if kind, _, _ := mime.ParseMediaType(h.Get("Content-Type")); kind != "application/x-www-form-urlencoded" {
		return body, nil
	}
	// Not url.ParseQuery: a body of many small fields would take many times its size.
	for field := range bytes.SplitSeq(body, []byte("&")) {
		if value, ok := bytes.CutPrefix(field, []byte("payload=")); ok {
			return unescape(value)
		}
	}
	return nil, fmt.Errorf("the form has no field payload")
}

// unescape decodes a form's value, with one copy; the body may be of 26 MiB.
func unescape(value []byte) ([]byte, error) {
	out := make([]byte, 0, len(value))
	for i := 0; i < len(value); i++ {
		switch c := value[i]; c {
		case '+':
			out = append(out, ' ')
		case '%':
			if i+2 >= len(value) {
				return nil, errForm
			}
			n, err := hex.AppendDecode(out, value[i+1:i+3])
			if err != nil {
				return nil, errForm
			}
			out, i = n, i+2
		default:
			out = append(out, c)
		}
	}
	return out, nil
}

var errForm = errors.New("the form field payload is not URL-encoded")

// An ident is an immutable id: some hosts write a number, some a string.
type ident string

// UnmarshalJSON takes a number, a string or null.
func (d *ident) UnmarshalJSON(b []byte) error {
	var s string
	switch {
	case string(b) == "null":
		return nil
	case len(b) > 0 && b[0] == '"':
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
	case len(b) > 0 && (b[0] == '-' || b[0] >= '0' && b[0] <= '9'):
		s = string(b)
	default:
		return fmt.Errorf("an id is neither a number nor a string")
	}
	if len(s) > maxWord {
		return fmt.Errorf("an id is longer than %d bytes", maxWord)
	}
	*d = ident(s)
	return nil
}

// A list keeps the first maxUpdates elements of an array and reads over the
// others: an array of empty objects would take twenty times its size.
type list[T any] []T

// UnmarshalJSON takes an array or null.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if t, err := dec.Token(); err != nil || t != json.Delim('[') {
		return fmt.Errorf("a list is not an array")
	}
	for *l = (*l)[:0]; dec.More() && len(*l) < maxUpdates; {
		var element T
		if err := dec.Decode(&element); err != nil {
			return err
		}
		*l = append(*l, element)
	}
	return nil
}

// update is a ref update as hosts write it. A hash that is none of ours, such
// as one of a SHA-256 repository, is left out: it is only a hint.
func update(ref, before, after string) model.RefUpdate {
	u := model.RefUpdate{Name: ref}
	u.Old, _ = model.ParseHash(before)
	u.New, _ = model.ParseHash(after)
	return u
}

// A moment is a time in any form that hosts write: RFC 3339, GitLab's old
// "2017-09-15 16:50:55 UTC", seconds or milliseconds since 1970. What is none of
// these is the zero time, never an error: it is only used to tell old news from new.
type moment struct{ time.Time }

var momentForms = []string{time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05 MST", "2006-01-02 15:04:05 -0700", "2006-01-02 15:04:05"}

// UnmarshalJSON takes anything.
func (m *moment) UnmarshalJSON(b []byte) error {
	m.Time = time.Time{}
	if len(b) > maxWord {
		return nil
	}
	if n, err := strconv.ParseInt(string(b), 10, 64); err == nil && n > 0 {
		if m.Time = time.Unix(n, 0).UTC(); n > 1e11 { // that many seconds are the year 5138
			m.Time = time.UnixMilli(n).UTC()
		}
	}
	text := strings.Trim(string(b), `"`)
	for _, form := range momentForms {
		if at, err := time.Parse(form, text); err == nil {
			m.Time = at.UTC()
			break
		}
	}
	if y := m.Year(); y < 1970 || y > 9999 {
		m.Time = time.Time{}
	}
	return nil
}
