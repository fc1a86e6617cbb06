package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

func TestEchosOwnErrorsAreProblems(t *testing.T) {
	s := newStage(t)
	s.do("GET", Prefix+"/nothing", "").problem(http.StatusNotFound, "not_found")
	s.do("GET", "/", "").problem(http.StatusNotFound, "not_found")
	a := s.do("DELETE", Prefix+"/issues", "")
	a.problem(http.StatusMethodNotAllowed, "method_not_allowed")
	if a.Header.Get("Allow") == "" {
		t.Error("405 without Allow")
	}
	s.echo.GET("/fault", func(echo.Context) error { return errors.New("with a secret") })
	if p := s.raw(s.request("GET", "/fault", "", "")).problem(http.StatusInternalServerError, "internal"); strings.Contains(p.Detail, "secret") {
		t.Error(p.Detail)
	}
}

// A database that is away for a minute is no fault of issuetrail, and to try again helps.
func TestADatabaseThatIsAway(t *testing.T) {
	s := newStage(t)
	s.echo.GET("/away", func(echo.Context) error { return fmt.Errorf("count: %w: no route to 10.0.0.7", model.ErrUnavailable) })
	a := s.raw(s.request("GET", "/away", "", ""))
	if p := a.problem(http.StatusServiceUnavailable, "database_unavailable"); strings.Contains(p.Detail, "10.0.0.7") || p.Hint == "" {
		t.Errorf("%+v", p)
	}
	if a.Header.Get("Retry-After") == "" {
		t.Error("503 without Retry-After")
	}
}

func TestBadBodies(t *testing.T) {
	s := newStage(t)
	for _, c := range []struct {
		body   string
		status int
		code   string
	}{
		{``, 415, "unsupported_media_type"}, // without a body no type is sent
		{`{`, 400, "json_invalid"},
		{`[]`, 400, "json_invalid"},
		{`{"url":7}`, 400, "field_invalid"},
		{`{"uurl":"x"}`, 400, "field_unknown"},
		{`{"url":"git@github.com:a/b"} {}`, 400, "json_invalid"},
		{`{"url":"` + strings.Repeat("x", maxBody) + `"}`, 413, "body_too_large"},
		{`null`, 422, "url_invalid"},
	} {
		p := s.do("POST", Prefix+"/repositories", c.body).problem(c.status, c.code)
		if c.code == "field_unknown" && !strings.Contains(p.Detail, "uurl") {
			t.Errorf("%s does not name the field", p.Detail)
		}
	}
	big := `{"private_key":"` + strings.Repeat("x", maxKeyBody) + `"}`
	s.do("PUT", Prefix+"/key", big).problem(413, "body_too_large")
	// Without a Content-Length the limit is found while reading.
	r := s.request("PUT", Prefix+"/key", big, s.admin)
	r.ContentLength = -1
	s.call(r).problem(413, "body_too_large")
}

func TestBodyTypes(t *testing.T) {
	s := newStage(t)
	for header, ok := range map[string]bool{
		"application/json": true, "application/json; charset=utf-8": true, "APPLICATION/JSON": true,
		"application/json; charset=latin1": false, "text/plain": false, "": false, "application/x-www-form-urlencoded": false,
	} {
		r := s.request("POST", Prefix+"/connections/test", `{"url":"git@github.com:a/b.git"}`, s.admin)
		r.Header.Set("Content-Type", header)
		if a := s.call(r); (a.Status == http.StatusOK) != ok {
			t.Errorf("%q: %d %s", header, a.Status, a.Body)
		}
	}
	r := s.request("POST", Prefix+"/connections/test", `{}`, s.admin)
	r.Header.Set("Content-Encoding", "gzip")
	s.call(r).problem(http.StatusUnsupportedMediaType, "unsupported_media_type")
}

func TestBadParameters(t *testing.T) {
	s := newStage(t)
	for query, code := range map[string]string{
		"limit=0": "limit_invalid", "limit=1001": "limit_invalid", "limit=x": "limit_invalid", "limit=-1": "limit_invalid",
		"cursor=!": "cursor_invalid", "cursor=" + strings.Repeat("A", 2000): "cursor_invalid",
		"host=%00": "parameter_invalid", "host=%ff": "parameter_invalid", "host=%zz": "parameter_invalid",
	} {
		s.do("GET", Prefix+"/deliveries?"+query, "").problem(http.StatusBadRequest, code)
	}
	s.do("GET", Prefix+"/issues/APP-7?unreachable=perhaps", "").problem(http.StatusBadRequest, "parameter_invalid")
	for _, id := range []string{"0", "-1", "01", "x", "99999999999999999999", "1e3"} {
		s.do("GET", Prefix+"/repositories/"+id, "").problem(http.StatusNotFound, "not_found")
	}
}

func TestErrorsBecomeProblems(t *testing.T) {
	for _, c := range []struct {
		err    error
		status int
		code   string
	}{
		{fmt.Errorf("x: %w", model.ErrNotFound), 404, "not_found"},
		{model.ErrExists, 409, "exists"},
		{context.DeadlineExceeded, 503, "timeout"},
		{&model.Failure{Code: model.CodeDiskFull}, 503, "disk_full"},
		{&model.Failure{Code: model.CodeUnreachable}, 502, "unreachable"},
		{&model.Failure{Code: "managed_by_config"}, 409, "managed_by_config"},
		{&model.Failure{Code: "key_public"}, 422, "key_public"},
		{&model.Failure{Code: model.CodeInternal, Detail: "with a secret"}, 500, "internal"},
		{echo.NewHTTPError(http.StatusTeapot, "tea"), 418, "http_418"},
		{echo.ErrStatusRequestEntityTooLarge, 413, "body_too_large"},
		{&wire.Problem{Status: 409, Code: "mine"}, 409, "mine"},
	} {
		p := asProblem(c.err)
		if p.Status != c.status || p.Code != c.code || strings.Contains(p.Detail, "secret") {
			t.Errorf("%v: %+v", c.err, p)
		}
	}
}

// FuzzCursor: whatever comes as a cursor is answered 200 or 400.
func FuzzCursor(f *testing.F) {
	s := newStage(f)
	for _, c := range []string{"", "!", "W10", "WzFd", "WyJhIiwxXQ", "WyJcdTAwMDAiLDFd", "bnVsbA", "WzEsMV0", "W251bGwsbnVsbF0"} {
		f.Add(c)
	}
	f.Fuzz(func(t *testing.T, cursor string) {
		s := *s
		s.t = t
		for _, path := range []string{"/issues", "/repositories", "/deliveries", "/issues/APP-7"} {
			r := s.request("GET", Prefix+path, "", s.viewer)
			q := r.URL.Query()
			q.Set("cursor", cursor)
			r.URL.RawQuery = q.Encode()
			if a := s.call(r); a.Status != http.StatusOK && a.Status != http.StatusBadRequest {
				t.Fatalf("%s with %q: %d %s", path, cursor, a.Status, a.Body)
			}
		}
	})
}
