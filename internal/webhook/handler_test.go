package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// TestAnswers is the table of statuses, row by row.
func TestAnswers(t *testing.T) {
	get := func(method, path string) *http.Request { return httptest.NewRequest(method, path, nil) }
	unsigned := signed("/webhooks/hub", "push", pushBody)
	unsigned.Header.Del("X-Hub-Signature-256")
	announced := signed("/webhooks/hub", "push", pushBody)
	announced.ContentLength = maxBody + 1
	for _, c := range []struct {
		name   string
		r      *http.Request
		fail   error
		as     model.DeliveryStatus // what the inbox makes of a push; "" = accepted
		status int
		answer string // part of the body
		count  Outcome
		stored model.DeliveryStatus // "" = not stored
	}{
		{
			name: "a push", r: signed("/webhooks/hub", "push", pushBody),
			status: 202, answer: `{"delivery":"1","status":"accepted","repositories":["acme/app"]}`, count: Accepted, stored: model.DeliveryAccepted,
		},
		{
			name: "identity", r: signed("/webhooks/hub", "push", pushBody, "Content-Encoding", "identity"),
			status: 202, answer: `"accepted"`, count: Accepted, stored: model.DeliveryAccepted,
		},
		{
			name: "a ping", r: signed("/webhooks/hub", "ping", `{"zen":"x"}`),
			status: 200, answer: `{"delivery":"1","status":"ignored","reason":"ping"}`, count: Ignored, stored: model.DeliveryIgnored,
		},
		{
			name: "another event", r: signed("/webhooks/hub", "star", `{}`),
			status: 200, answer: `moves no ref`, count: Ignored, stored: model.DeliveryIgnored,
		},
		{
			name: "a repository of nobody", r: signed("/webhooks/hub", "push", pushBody), as: model.DeliveryIgnored,
			status: 200, answer: `{"delivery":"1","status":"ignored","reason":"no repository of this name"}`, count: Ignored, stored: model.DeliveryIgnored,
		},
		{
			name: "not understood", r: signed("/webhooks/hub", "push", `{"ref":5}`),
			status: 400, answer: `"code":"delivery_not_understood"`, count: Rejected, stored: model.DeliveryRejected,
		},
		{
			name: "not understood, not stored", r: signed("/webhooks/hub", "push", `{`), fail: errors.New("disk"),
			status: 400, answer: `"code":"delivery_not_understood"`, count: Rejected,
		},
		{
			name: "empty body", r: signed("/webhooks/hub", "push", ``),
			status: 400, answer: `"code":"delivery_not_understood"`, count: Rejected, stored: model.DeliveryRejected,
		},
		{name: "unsigned", r: unsigned, status: 401, answer: `"code":"signature_invalid"}`, count: Unauthorized},
		{
			name: "wrong signature", r: signed("/webhooks/hub", "push", pushBody, "X-Hub-Signature-256", hubSignature(nil)),
			status: 401, answer: `"code":"signature_invalid"}`, count: Unauthorized,
		},
		{name: "no secret configured", r: signed("/webhooks/bare", "push", pushBody), status: 401, answer: `"signature_invalid"`, count: Unauthorized},
		{name: "unknown host", r: signed("/webhooks/nobody", "push", pushBody), status: 404, answer: `"code":"host_unknown"`, count: UnknownHost},
		{name: "dots", r: signed("/webhooks/%2e%2e", "push", pushBody), status: 404, answer: `"code":"host_unknown"`, count: UnknownHost},
		{name: "a secret in the path of one that signs", r: signed("/webhooks/hub/"+secretText, "push", pushBody), status: 404, answer: `"code":"not_found"`, count: UnknownHost},
		{name: "too large, as announced", r: announced, status: 413, answer: `"code":"body_too_large"`, count: TooLarge},
		{name: "compressed", r: signed("/webhooks/hub", "push", pushBody, "Content-Encoding", "gzip"), status: 415, answer: `"code":"encoding_unsupported"`, count: WrongEncoding},
		{name: "GET", r: get(http.MethodGet, "/webhooks/hub"), status: 405, answer: `"code":"method_not_allowed"`, count: WrongMethod},
		{name: "PUT with a secret", r: get(http.MethodPut, "/webhooks/hub/x"), status: 405, answer: `"code":"method_not_allowed"`, count: WrongMethod},
		{name: "GET of an unknown host", r: get(http.MethodGet, "/webhooks/nobody"), status: 405, answer: `"code":"method_not_allowed"`, count: WrongMethod},
		{
			name: "not stored", r: signed("/webhooks/hub", "push", pushBody), fail: errors.New("locked"),
			status: 503, answer: `"code":"not_stored"`, count: NotStored,
		},
		{
			name: "disk full", r: signed("/webhooks/hub", "push", pushBody), fail: fmt.Errorf("accept: %w", &model.Failure{Code: model.CodeDiskFull}),
			status: 503, answer: `"code":"disk_full"`, count: NotStored,
		},
		{
			name: "a ping that is not stored", r: signed("/webhooks/hub", "ping", `{}`), fail: errors.New("locked"),
			status: 503, answer: `"code":"not_stored"`, count: NotStored,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := openDoor(t, Options{}, nil)
			d.inbox.fail, d.inbox.answer = c.fail, c.as
			w := d.do(c.r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.answer) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			checkForm(t, w)
			got := d.inbox.deliveries()
			if (len(got) == 1) != (c.stored != "") || len(got) == 1 && got[0].Status != c.stored {
				t.Errorf("stored %+v", got)
			}
			if n, all := d.counted(c.count); n != 1 || all != 1 {
				t.Errorf("counted %+v", d.handler.Stats().Counts)
			}
			if wantLogs := c.fail != nil; (d.logs.Len() > 0) != wantLogs {
				t.Errorf("logs %v", d.logs.All())
			}
		})
	}
}

// checkForm holds for every answer.
func checkForm(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	h := w.Header()
	kind := "application/problem+json"
	if w.Code < 300 {
		kind = "application/json"
	}
	if h.Get("Content-Type") != kind || h.Get("Cache-Control") != "no-store" {
		t.Errorf("headers %v", h)
	}
	if (h.Get("Retry-After") != "") != (w.Code == 503) || (h.Get("Allow") == "POST") != (w.Code == 405) {
		t.Errorf("headers %v of %d", h, w.Code)
	}
	if f := fields(t, w.Body); w.Code >= 300 && (f["status"] != float64(w.Code) || f["title"] == "" || f["type"] == "" || f["code"] == "") {
		t.Errorf("problem %v", f)
	}
}

func TestNothingIsParsedBefore401(t *testing.T) {
	host := &spy{verify: fmt.Errorf("%w: no", hosts.ErrSignature)}
	d := openDoor(t, Options{}, host)
	body := "  \xff{ not touched \r\n"
	w := d.do(httptest.NewRequest(http.MethodPost, "/webhooks/fake", strings.NewReader(body)))
	if w.Code != 401 || host.verified != 1 || host.parsed != 0 || len(d.inbox.deliveries()) != 0 || d.logs.Len() != 0 {
		t.Errorf("%d, verified %d, parsed %d, stored %v, logged %v", w.Code, host.verified, host.parsed, d.inbox.deliveries(), d.logs.All())
	}
	if string(host.body) != body {
		t.Errorf("not the raw body: %q", host.body)
	}
	if host.verify = errors.New("any error at all"); d.do(httptest.NewRequest(http.MethodPost, "/webhooks/fake", nil)).Code != 401 || host.parsed != 0 {
		t.Error("an error of Verify that wraps nothing let a delivery in")
	}
	for _, r := range []*http.Request{
		httptest.NewRequest(http.MethodGet, "/webhooks/fake", nil),
		signed("/webhooks/fake", "push", "", "Content-Encoding", "br"),
		signed("/webhooks/fake/secret", "push", ""),
	} {
		before := host.verified
		if d.do(r); host.verified != before || host.parsed != 0 {
			t.Errorf("%s %s reached the host", r.Method, r.URL)
		}
	}
}

func TestStoredDelivery(t *testing.T) {
	d := openDoor(t, Options{}, nil)
	d.do(signed("/webhooks/hub", "push", pushBody))
	large := pushBody + strings.Repeat(" ", model.MaxKeptBody)
	d.do(signed("/webhooks/hub", "push", large))
	got := d.inbox.deliveries()
	if len(got) != 2 {
		t.Fatalf("%d stored", len(got))
	}
	first := got[0]
	if first.Host != "hub" || first.Push.DeliveryID != "guid-1" || first.Push.RepoID != "7" || string(first.Body) != pushBody ||
		first.BodySize != int64(len(pushBody)) || first.ReceivedAt.IsZero() {
		t.Errorf("%+v", first)
	}
	if got[1].Body != nil || got[1].BodySize != int64(len(large)) {
		t.Errorf("kept %d bytes of %d", len(got[1].Body), got[1].BodySize)
	}
}

// TestUnsignedIsNotKept: what need not be signed is answered, and nothing of it is stored,
// whoever sends it how often.
func TestUnsignedIsNotKept(t *testing.T) {
	host, _ := hosts.ByKind("bitbucket-server")
	d := openDoor(t, Options{}, host)
	ping := func(headers ...string) map[string]any {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/fake", strings.NewReader(`{"test":true}`))
		for i := 0; i < len(headers); i += 2 {
			r.Header.Set(headers[i], headers[i+1])
		}
		w := d.do(r)
		if w.Code != http.StatusOK {
			t.Errorf("%v: %d", headers, w.Code)
		}
		return fields(t, w.Body)
	}
	for range 3 {
		if got := ping("X-Event-Key", "diagnostics:ping"); got["status"] != "ignored" || got["reason"] != "ping" {
			t.Errorf("answered %v", got)
		}
	}
	if got := d.inbox.deliveries(); len(got) != 0 {
		t.Errorf("stored %+v", got)
	}
	signature := hubSignature([]byte(`{"test":true}`))
	if got := ping("X-Event-Key", "diagnostics:ping", "X-Hub-Signature", signature); got["delivery"] != "1" || len(d.inbox.deliveries()) != 1 {
		t.Errorf("a signed one: %v", got)
	}
}

func TestPanics(t *testing.T) {
	host := &spy{parse: func([]byte) (model.Push, error) { panic("parse " + secretText) }}
	d := openDoor(t, Options{}, host)
	w := d.do(signed("/webhooks/fake", "push", pushBody))
	if got := d.inbox.deliveries(); w.Code != 400 || len(got) != 1 || got[0].Status != model.DeliveryRejected || got[0].Reason == "" {
		t.Errorf("%d, %+v", w.Code, got)
	}
	host.panicInVerify = true
	if w := d.do(signed("/webhooks/fake", "push", pushBody)); w.Code != 401 {
		t.Errorf("verify: %d", w.Code)
	}
	if d.logs.Len() != 2 {
		t.Errorf("logged %v", d.logs.All())
	}
	host.panicInVerify, host.parse = false, nil
	d.inbox.before = func(context.Context) { panic("accept") }
	if w := d.do(signed("/webhooks/fake", "push", pushBody)); w.Code != 503 {
		t.Errorf("accept: %d", w.Code)
	}
	for _, e := range d.logs.All() {
		if strings.Contains(fmt.Sprint(e.Message, e.ContextMap()), secretText) {
			t.Errorf("the log holds the secret: %v", e)
		}
	}
}

func TestSecretInPath(t *testing.T) {
	host := &pathSpy{}
	d := openDoor(t, Options{}, host)
	for path, want := range map[string]int{
		"/webhooks/fake/" + secretText: 202, "/webhooks/fake/" + secretText[1:]: 401, "/webhooks/fake/x": 401,
		"/webhooks/fake": 401, "/webhooks/fake/" + secretText + "/x": 401,
	} {
		if w := d.do(httptest.NewRequest(http.MethodPost, path, strings.NewReader("{}"))); w.Code != want {
			t.Errorf("%s: %d", path, w.Code)
		}
	}
	if host.verified != 0 || host.parsed != 1 || d.logs.Len() != 0 {
		t.Errorf("verified %d, parsed %d, logs %v", host.verified, host.parsed, d.logs.All())
	}
}

// TestHangUp: what came whole is stored, though the sender did not wait.
func TestHangUp(t *testing.T) {
	d := openDoor(t, Options{}, nil)
	ctx, hangUp := context.WithCancel(t.Context())
	d.inbox.before = func(ctx context.Context) {
		hangUp()
		if err := ctx.Err(); err != nil {
			t.Errorf("the inbox was given up: %v", err)
		}
		if _, ok := ctx.Deadline(); !ok {
			t.Error("the inbox has no time limit")
		}
	}
	d.do(signed("/webhooks/hub", "push", pushBody).WithContext(ctx))
	if len(d.inbox.deliveries()) != 1 {
		t.Error("not stored")
	}
}

func TestLongReason(t *testing.T) {
	long := strings.Repeat("é", 1000)
	d := openDoor(t, Options{}, &spy{parse: func([]byte) (model.Push, error) { return model.Push{}, errors.New(long) }})
	d.do(signed("/webhooks/fake", "push", ""))
	if r := d.inbox.deliveries()[0].Reason; len(r) > maxReason || !strings.HasPrefix(long, r) {
		t.Errorf("reason of %d bytes", len(r))
	}
}
