package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/labstack/echo/v4"
	"go.uber.org/zap/zaptest"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
	"issuetrail/internal/store"
)

// A stage is the API on a real store; what reaches out to git servers is played.
type stage struct {
	t             testing.TB
	api           *API
	echo          *echo.Echo
	store         *store.Store
	router        routers.Router
	outside       *outside
	admin, viewer string
}

func newStage(t testing.TB, change ...func(*Options)) *stage {
	t.Helper()
	s := &stage{t: t, echo: echo.New(), outside: newOutside()}
	var err error
	if s.store, err = store.Open(t.Context(), store.Options{
		DataDir: t.TempDir(), Log: zaptest.NewLogger(t),
		PullRequestKeys: func(_ model.Repo, p model.PullRequest) []model.IssueKey {
			if strings.Contains(p.Title, "APP-7") {
				return []model.IssueKey{"APP-7"}
			}
			return nil
		},
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.store.Close(); err != nil {
			t.Error(err)
		}
	})
	o := options(t, s.store, s.outside)
	for _, f := range change {
		f(&o)
	}
	s.api = New(o)
	s.api.Register(s.echo)
	if s.router, err = legacy.NewRouter(description(t)); err != nil {
		t.Fatal(err)
	}
	s.admin, s.viewer = s.token("boss", model.RoleAdmin), s.token("reader", model.RoleViewer)
	return s
}

func options(t testing.TB, st *store.Store, out *outside) Options {
	return Options{
		Issues: st, Repos: st, RepoEdits: st, RepoLinks: st, Jobs: st, Deliveries: st, Tokens: st, Database: st,
		Keys: out, KeyWatch: out, HostKeys: hostKeys{out}, Tester: out, Relinker: out, Hosts: out,
		Links: func(r model.Repo) model.Links {
			if r.Host != "github" {
				return model.Links{}
			}
			base := "https://github.com/" + r.Name
			return model.Links{Repo: base, Commit: base + "/commit/{hash}", Branch: base + "/tree/{branch}", Tag: base + "/releases/tag/{tag}", PullRequest: base + "/pull/{number}"}
		},
		JiraURL: func(k model.IssueKey) string {
			if k.Project() == "APP" {
				return "https://acme.atlassian.net/browse/" + string(k)
			}
			return ""
		},
		CheckSchedule: func(spec string) error {
			if strings.HasPrefix(spec, "@every ") || strings.HasPrefix(spec, "*/") {
				return nil
			}
			return &model.Failure{Code: "schedule_invalid", Detail: "the schedule is none"}
		},
		NextRuns: func(_ model.Repo, n int) []time.Time { return make([]time.Time, n) },
		ResolveHost: func(name string, a model.Address) (string, error) {
			switch {
			case name == "" && a.Host == "github.com", name == "github":
				return "github", nil
			case name == "":
				return "git", nil
			}
			return "", &model.Failure{Code: "host_unknown", Detail: "no host of the name " + name}
		},
		AddressAllowed: func(a model.Address) error {
			if ip, err := netip.ParseAddr(a.Host); err == nil && (ip.IsLoopback() || ip.IsLinkLocalUnicast()) {
				return &model.Failure{Code: model.CodeURLForbidden, Detail: a.Host + " is not allowed"}
			}
			return nil
		},
		Defaults:  func() (string, model.Mirror) { return "@every 15m", model.MirrorFull },
		ErrCursor: store.ErrCursor, Version: wire.Version{Version: "1.0", Commit: "abc", Go: "go1.26", GoGit: "v5"},
		Log: zaptest.NewLogger(t),
	}
}

// token makes an API token in the store.
func (s *stage) token(name string, role model.Role) string {
	s.t.Helper()
	token, hash := makeToken()
	if err := s.store.CreateToken(s.t.Context(), name, role, hash); err != nil {
		s.t.Fatal(err)
	}
	return token
}

// An answered call.
type answered struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   []byte
}

// as decodes the body.
func as[T any](a answered) (out T) {
	a.t.Helper()
	d := json.NewDecoder(bytes.NewReader(a.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&out); err != nil {
		a.t.Fatalf("%v in %s", err, a.Body)
	}
	return out
}

// problem expects an error of this status and code.
func (a answered) problem(status int, code string) wire.Problem {
	a.t.Helper()
	p := as[wire.Problem](a)
	if a.Status != status || p.Code != code || p.Status != status || a.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Fatalf("got %d %s, want %d %s", a.Status, a.Body, status, code)
	}
	return p
}

// ok expects this status.
func (a answered) ok(status int) answered {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("got %d %s, want %d", a.Status, a.Body, status)
	}
	return a
}

// do makes a call as an admin.
func (s *stage) do(method, path, body string) answered {
	s.t.Helper()
	return s.call(s.request(method, path, body, s.admin))
}

func (s *stage) request(method, path, body, token string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return r
}

// call makes a call and holds what it takes and gives to the description.
func (s *stage) call(r *http.Request) answered {
	s.t.Helper()
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	out := s.raw(r)
	r.Body = io.NopCloser(bytes.NewReader(body))
	s.described(r, out)
	return out
}

// raw makes a call, described or not.
func (s *stage) raw(r *http.Request) answered {
	w := httptest.NewRecorder()
	s.echo.ServeHTTP(w, r)
	return answered{s.t, w.Code, w.Header(), w.Body.Bytes()}
}

// described fails the test when a request that was accepted, or its answer, is not
// what openapi.yaml says.
func (s *stage) described(r *http.Request, a answered) {
	s.t.Helper()
	route, params, err := s.router.FindRoute(r)
	if err != nil {
		if a.Status != http.StatusNotFound && a.Status != http.StatusMethodNotAllowed {
			s.t.Errorf("%s %s answered %d and is not described: %v", r.Method, r.URL.Path, a.Status, err)
		}
		return
	}
	o := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	in := &openapi3filter.RequestValidationInput{Request: r, PathParams: params, Route: route, Options: o}
	if a.Status < 400 {
		if err := openapi3filter.ValidateRequest(context.Background(), in); err != nil {
			s.t.Errorf("%s %s was accepted: %v", r.Method, r.URL, err)
		}
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: a.Status, Header: a.Header, Body: io.NopCloser(bytes.NewReader(a.Body)), Options: o,
	})
	if err != nil {
		s.t.Errorf("%s %s: %v\n%s", r.Method, r.URL, err, a.Body)
	}
}
