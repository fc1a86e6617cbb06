package client

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap/zaptest"

	"issuetrail/internal/api"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
	"issuetrail/internal/store"
)

// serve runs the API on a real store, and gives its handler.
func serve(t *testing.T) (*store.Store, http.Handler) {
	t.Helper()
	st, err := store.Open(t.Context(), store.Options{DataDir: t.TempDir(), Log: zaptest.NewLogger(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	e := echo.New()
	api.New(api.Options{
		Issues: st, Repos: st, RepoEdits: st, RepoLinks: st, Jobs: st, Deliveries: st, Tokens: st, Database: st,
		Links:          func(model.Repo) model.Links { return model.Links{} },
		JiraURL:        func(model.IssueKey) string { return "" },
		CheckSchedule:  func(string) error { return nil },
		ResolveHost:    func(string, model.Address) (string, error) { return "git", nil },
		AddressAllowed: func(model.Address) error { return nil },
		Defaults:       func() (string, model.Mirror) { return "@every 15m", model.MirrorFull },
		ErrCursor:      store.ErrCursor, Version: wire.Version{Version: "1.0"}, Log: zaptest.NewLogger(t),
	}).Register(e)
	return st, e
}

// overSocket gives a client of the API over a control socket.
func overSocket(t *testing.T) (*store.Store, *Client) {
	t.Helper()
	st, h := serve(t)
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: h, ConnContext: func(ctx context.Context, _ net.Conn) context.Context { return api.Trust(ctx) }}
	go srv.Serve(l)
	t.Cleanup(func() { srv.Close() })
	c, err := New(Options{Socket: path})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return st, c
}

func must[T any](t *testing.T) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func TestSocketIsAdmin(t *testing.T) {
	_, c := overSocket(t)
	ctx := t.Context()
	if v := must[wire.Version](t)(c.Version(ctx)); v.Version != "1.0" {
		t.Error(v)
	}
	token := must[wire.Token](t)(c.CreateToken(ctx, "ci", "viewer"))
	if all := must[[]wire.Token](t)(c.Tokens(ctx)); token.Token == "" || len(all) != 1 {
		t.Error(token, all)
	}
	if err := c.RevokeToken(ctx, "ci"); err != nil {
		t.Error(err)
	}
	var p *wire.Problem
	if err := c.RevokeToken(ctx, "ci"); !errors.As(err, &p) || p.Code != "not_found" {
		t.Error(err)
	}
}

func TestRepositories(t *testing.T) {
	_, c := overSocket(t)
	ctx := t.Context()
	for n := range 3 {
		must[wire.Repository](t)(c.AddRepository(ctx, wire.NewRepository{URL: fmt.Sprintf("git@git.example.com:acme/r%d.git", n)}))
	}
	n := 0
	for r, err := range c.Repositories(ctx) {
		if err != nil || r.Name != fmt.Sprintf("acme/r%d", n) {
			t.Fatal(r, err)
		}
		n++
	}
	if n != 3 {
		t.Error(n)
	}
	r := must[wire.Repository](t)(c.FindRepository(ctx, "ssh://git@git.example.com/acme/r1"))
	yes := true
	if r = must[wire.Repository](t)(c.PatchRepository(ctx, r.ID, wire.RepositoryPatch{Suspended: &yes})); !r.Suspended {
		t.Error(r)
	}
	if err := c.DeleteRepository(ctx, r.ID); err != nil {
		t.Fatal(err)
	}
	var p *wire.Problem
	if _, err := c.FindRepository(ctx, "acme/r1"); !errors.As(err, &p) || p.Status != http.StatusNotFound || p.Hint == "" {
		t.Error(err)
	}
	if _, err := c.AddRepository(ctx, wire.NewRepository{URL: "git@git.example.com:acme/r0.git"}); !errors.As(err, &p) || p.Code != "repository_exists" || p.ID == "" {
		t.Error(err)
	}
	if i := must[wire.Issue](t)(c.Issue(ctx, "app-7", true, 10, "")); i.Key != "APP-7" || i.Commits == nil {
		t.Error(i)
	}
}

// TestWaitSync: it ends with the sync that was asked for, not with what was before.
func TestWaitSync(t *testing.T) {
	st, c := overSocket(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	before := must[wire.Repository](t)(c.AddRepository(ctx, wire.NewRepository{URL: "git@git.example.com:a.git"}))
	for _, fail := range []bool{true, false} {
		states := map[string]bool{}
		seen := make(chan string, 100)
		worked := make(chan error, 1)
		go func() { worked <- work(ctx, st, seen, fail) }()
		after, err := c.WaitSync(ctx, before, func(r wire.Repository) {
			states[r.State] = true
			seen <- r.State
		})
		if err != nil || (after.LastError != nil) != fail {
			t.Fatalf("%+v, %v", after, err)
		}
		if err := <-worked; err != nil {
			t.Fatal(err)
		}
		if !states["syncing"] {
			t.Error(states)
		}
		before = after
		if err := c.Sync(ctx, before.ID); err != nil {
			t.Fatal(err)
		}
	}
}

// work plays a worker that waits for the client to look before each step.
func work(ctx context.Context, st *store.Store, seen <-chan string, fail bool) error {
	<-seen
	job, err := st.Claim(ctx, model.ClaimOptions{Node: "test", Lease: time.Minute})
	if err != nil {
		return err
	}
	for state := range seen {
		if state == "syncing" {
			break
		}
	}
	if fail {
		return st.Fail(ctx, job.Job, &model.Failure{Code: model.CodeTimeout, Detail: "too slow"}, time.Now().Add(time.Hour))
	}
	return st.Finish(ctx, job.Job)
}

func TestServer(t *testing.T) {
	st, h := serve(t)
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	token := "itr_" + base64.RawURLEncoding.EncodeToString(make([]byte, 32))
	if err := st.CreateToken(t.Context(), "reader", model.RoleViewer, sha256.Sum256([]byte(token))); err != nil {
		t.Fatal(err)
	}
	c := must[*Client](t)(New(Options{Server: srv.URL + "/", Token: token + "\n"}))
	must[wire.Version](t)(c.Version(t.Context()))
	var p *wire.Problem
	if err := c.SyncAll(t.Context()); !errors.As(err, &p) || p.Code != "forbidden" {
		t.Error(err)
	}
	if _, err := must[*Client](t)(New(Options{Server: srv.URL})).Version(t.Context()); !errors.As(err, &p) || p.Code != "unauthorized" {
		t.Error(err)
	}
}

func TestNoDaemon(t *testing.T) {
	path := filepath.Join(t.TempDir(), "gone")
	c := must[*Client](t)(New(Options{Socket: path}))
	_, err := c.Version(t.Context())
	if !errors.Is(err, ErrNoDaemon) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "issuetrail serve") {
		t.Error(err)
	}
}

// TestStrangeServers: what does not answer as issuetrail does is said so, and no
// token follows a redirect.
func TestStrangeServers(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"html": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") },
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://other.example.com/", http.StatusFound)
		},
		"502": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) },
		"half": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, "{")
		},
	} {
		srv := httptest.NewServer(h)
		c := must[*Client](t)(New(Options{Server: srv.URL, Token: "secret"}))
		if _, err := c.Version(t.Context()); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
		srv.Close()
	}
	for _, bad := range []string{"", "trail.example.com", "ftp://x", "https://", "https://u:p@x", "https://x?y", "::"} {
		if _, err := New(Options{Server: bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// TestPutKeyOverPlainHTTP must not even connect.
func TestPutKeyOverPlainHTTP(t *testing.T) {
	for server, open := range map[string]bool{
		"http://192.0.2.1:9": true, "http://trail.example.com": true,
		"http://127.0.0.1:1": false, "http://[::1]:1": false, "http://localhost:1": false, "https://127.0.0.1:1": false,
	} {
		c, err := New(Options{Server: server, Token: "t"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.PutKey(t.Context(), wire.NewKey{PrivateKey: "hunter2"})
		if err == nil || strings.Contains(err.Error(), "without TLS") != open || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", server, err)
		}
	}
}
