package webhook

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

const (
	secretText = "a-secret-of-more-than-thirty-two-bytes"
	pushBody   = `{"ref":"refs/heads/main","repository":{"id":7,"full_name":"acme/app","ssh_url":"git@github.com:acme/app.git"}}`
)

// memory is an Inbox that keeps deliveries in a list.
type memory struct {
	mu     sync.Mutex
	got    []model.Delivery
	fail   error
	answer model.DeliveryStatus  // of a delivery that comes without; "" = accepted
	before func(context.Context) // nil = nothing
}

func (m *memory) Accept(ctx context.Context, d model.Delivery) (model.Delivery, error) {
	if m.before != nil {
		m.before(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return model.Delivery{}, m.fail
	}
	d.ID = fmt.Sprint(len(m.got) + 1)
	switch {
	case d.Status != "":
	case m.answer != "":
		d.Status, d.Reason = m.answer, "no repository of this name"
	default:
		d.Status, d.Repositories = model.DeliveryAccepted, []string{d.Push.RepoName}
	}
	m.got = append(m.got, d)
	return d, nil
}

func (m *memory) deliveries() []model.Delivery {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.got
}

// A door is a Handler on a real echo, with what it stored and logged.
type door struct {
	handler *Handler
	http    http.Handler
	inbox   *memory
	logs    *observer.ObservedLogs
}

// openDoor knows the hosts "hub", "lab", "plain" and, with its secret in the path,
// "review", "bare" without a secret, and "fake".
func openDoor(t testing.TB, o Options, fake hosts.Host) *door {
	t.Helper()
	secret, _, err := hosts.ParseSecret([]byte(secretText))
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]string{"hub": "github", "lab": "gitlab", "plain": "git", "review": "gerrit", "bare": "github"}
	o.Hosts = func(name string) (hosts.Host, hosts.Secret, bool) {
		switch name {
		case "fake":
			return fake, secret, fake != nil
		}
		h, ok := hosts.ByKind(kinds[name])
		if name == "bare" {
			return h, hosts.Secret{}, ok
		}
		return h, secret, ok
	}
	d := &door{inbox: &memory{}}
	o.Inbox = d.inbox
	core, logs := observer.New(zap.DebugLevel)
	o.Log, d.logs = zap.New(core), logs
	d.handler = New(o)
	d.http = newEcho(d.handler)
	return d
}

func newEcho(h *Handler) http.Handler {
	e := echo.New()
	h.Register(e)
	return e
}

// signed is a push of GitHub's shape to a path, with extra headers.
func signed(path, event, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("X-GitHub-Event", event)
	r.Header.Set("X-GitHub-Delivery", "guid-1")
	r.Header.Set("X-Hub-Signature-256", hubSignature([]byte(body)))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func hubSignature(body []byte) string {
	mac := hmac.New(sha256.New, []byte(secretText))
	mac.Write(body)
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (d *door) do(r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	d.http.ServeHTTP(w, r)
	return w
}

// fields decodes an answer's body.
func fields(t testing.TB, r io.Reader) map[string]any {
	t.Helper()
	var out map[string]any
	if err := json.NewDecoder(r).Decode(&out); err != nil {
		t.Fatal(err)
	}
	return out
}

// counted gives the number of requests of one outcome, and of all.
func (d *door) counted(o Outcome) (n, all uint64) {
	for _, c := range d.handler.Stats().Counts {
		if c.Outcome == o {
			n += c.N
		}
		all += c.N
	}
	return n, all
}

// spy is a Host that counts its calls, and does as told.
type spy struct {
	verify        error
	parse         func(body []byte) (model.Push, error)
	verified      int
	parsed        int
	panicInVerify bool
	body          []byte
}

func (*spy) Kind() string                                { return "spy" }
func (*spy) Links(string, model.Repo) (none model.Links) { return none }

func (*spy) Guide(hosts.Site) []hosts.Step { return nil }

func (s *spy) Verify(_ http.Header, body []byte, _ hosts.Secret) error {
	s.verified++
	s.body = bytes.Clone(body)
	if s.panicInVerify {
		panic("verify " + secretText)
	}
	return s.verify
}

func (s *spy) Parse(_ http.Header, body []byte) (model.Push, error) {
	s.parsed++
	if s.parse != nil {
		return s.parse(body)
	}
	return model.Push{Event: "push", RepoName: "acme/app"}, nil
}

// pathSpy is a Host whose secret is in the path.
type pathSpy struct {
	spy
	given string
}

func (s *pathSpy) VerifyPath(given string, _ hosts.Secret) error {
	if s.given = given; given != secretText {
		return hosts.ErrSignature
	}
	return nil
}
