package api

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
	"issuetrail/internal/store"
)

// TestRoles tries every call as every kind of caller.
func TestRoles(t *testing.T) {
	s := newStage(t)
	path := strings.NewReplacer(":key", "APP-7", ":id", "999", ":name", "nobody")
	for _, r := range s.api.routes() {
		for _, caller := range []struct {
			name, token string
			trusted     bool
			gets        access
		}{
			{"nobody", "", false, public},
			{"a wrong token", tokenPrefix + strings.Repeat("A", 43), false, public},
			{"a viewer", s.viewer, false, viewer},
			{"an admin", s.admin, false, admin},
			{"the socket", "", true, admin},
		} {
			req := s.request(r.method, path.Replace(r.path), "", caller.token)
			if caller.trusted {
				req = req.WithContext(Trust(req.Context()))
			}
			a := s.call(req)
			refused := a.Status == http.StatusUnauthorized || a.Status == http.StatusForbidden
			if want := caller.gets < r.need; refused != want {
				t.Errorf("%s %s by %s: %d", r.method, r.path, caller.name, a.Status)
			}
			if (a.Status == http.StatusUnauthorized) != (a.Header.Get("WWW-Authenticate") != "") {
				t.Errorf("%s %s by %s: %d with %q", r.method, r.path, caller.name, a.Status, a.Header)
			}
		}
	}
}

func TestBadTokens(t *testing.T) {
	s := newStage(t)
	for _, header := range []string{
		"Bearer", "Bearer ", "Basic " + s.admin, s.admin, "Bearer x" + s.admin[1:], "Bearer " + s.admin + "A",
		"Bearer " + s.admin[:46], "Bearer " + s.admin[:46] + "\n", "Bearer " + s.admin[:46] + "=", "Bearer  " + s.admin,
	} {
		r := s.request("GET", Prefix+"/repositories", "", "")
		r.Header["Authorization"] = []string{header}
		s.call(r).problem(http.StatusUnauthorized, "unauthorized")
	}
	r := s.request("GET", Prefix+"/repositories?access_token="+s.admin, "", "")
	s.call(r).problem(http.StatusUnauthorized, "unauthorized")
	r = s.request("GET", Prefix+"/repositories", "", "")
	r.Header.Set("Authorization", "bearer "+s.viewer)
	s.call(r).ok(http.StatusOK)
}

// TestCrossOrigin: another site's page has no token to send.
func TestCrossOrigin(t *testing.T) {
	s := newStage(t)
	r := s.request("POST", Prefix+"/repositories/sync", "", "")
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	s.call(r).problem(http.StatusForbidden, "cross_origin")
	r.Header.Set("Authorization", "Bearer "+s.admin)
	s.call(r).ok(http.StatusAccepted)
}

func TestTokens(t *testing.T) {
	s := newStage(t)
	made := as[wire.Token](s.do("POST", Prefix+"/tokens", `{"name":"ci","role":"viewer"}`).ok(http.StatusCreated))
	if !wellFormed(made.Token) || made.Role != "viewer" || made.CreatedAt.IsZero() {
		t.Fatalf("%+v", made)
	}
	s.call(s.request("GET", Prefix+"/issues", "", made.Token)).ok(http.StatusOK)
	s.call(s.request("GET", Prefix+"/tokens", "", made.Token)).problem(http.StatusForbidden, "forbidden")

	all := s.do("GET", Prefix+"/tokens", "").ok(http.StatusOK)
	if l := as[wire.List[wire.Token]](all); len(l.Items) != 3 || strings.Contains(string(all.Body), tokenPrefix) {
		t.Fatalf("%s", all.Body)
	}
	s.do("POST", Prefix+"/tokens", `{"name":"ci","role":"admin"}`).problem(http.StatusConflict, "token_exists")
	s.do("POST", Prefix+"/tokens", `{"name":"a b","role":"admin"}`).problem(http.StatusUnprocessableEntity, "name_invalid")
	s.do("POST", Prefix+"/tokens", `{"name":"x","role":"root"}`).problem(http.StatusUnprocessableEntity, "role_invalid")

	s.do("DELETE", Prefix+"/tokens/ci", "").ok(http.StatusNoContent)
	s.call(s.request("GET", Prefix+"/issues", "", made.Token)).problem(http.StatusUnauthorized, "unauthorized")
	s.do("DELETE", Prefix+"/tokens/ci", "").problem(http.StatusNotFound, "not_found")
}

func TestTokensAreRandom(t *testing.T) {
	a, hashA := makeToken()
	b, hashB := makeToken()
	if a == b || hashA == hashB || !wellFormed(a) || len(a) != 47 {
		t.Fatal(a, b)
	}
}

// quicker plays another node, which makes its admin token first.
type quicker struct{ *store.Store }

func (q quicker) CreateToken(ctx context.Context, name string, role model.Role, _ [32]byte) error {
	if err := q.Store.CreateToken(ctx, name, role, [32]byte{1}); err != nil {
		return err
	}
	return model.ErrExists
}

func TestAnotherNodeMakesTheAdminToken(t *testing.T) {
	s := newStage(t)
	if err := s.store.RevokeToken(t.Context(), "boss"); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if path, err := EnsureAdminToken(t.Context(), quicker{s.store}, dir); err != nil || path != "" {
		t.Errorf("%q, %v", path, err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("%s holds a token that never worked", left[0])
	}
}

func TestFirstStartMakesAnAdminToken(t *testing.T) {
	s := newStage(t)
	dir := t.TempDir()
	if path, err := EnsureAdminToken(t.Context(), s.store, dir); err != nil || path != "" {
		t.Fatalf("there is an admin: %q, %v", path, err)
	}
	if err := s.store.RevokeToken(t.Context(), "boss"); err != nil {
		t.Fatal(err)
	}
	s.token("admin", model.RoleViewer) // the name is taken
	path, err := EnsureAdminToken(t.Context(), s.store, dir)
	if err != nil || path != filepath.Join(dir, AdminTokenFile) {
		t.Fatalf("%q, %v", path, err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o600 {
		t.Error(info.Mode())
	}
	s.call(s.request("GET", Prefix+"/tokens", "", strings.TrimSpace(string(text)))).ok(http.StatusOK)
	if path, err := EnsureAdminToken(t.Context(), s.store, dir); err != nil || path != "" {
		t.Fatalf("a second start: %q, %v", path, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".token-*")); left != nil {
		t.Error(left)
	}
}
