package webhook

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

func post(path, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return r
}

// TestPathSecret: a real host that cannot sign.
func TestPathSecret(t *testing.T) {
	d := openDoor(t, Options{}, nil)
	for _, c := range []struct {
		name, path, body string
		status           int
	}{
		{"a push", "/webhooks/review/" + secretText, gerritPush, 202},
		{"an event that says nothing", "/webhooks/review/" + secretText, `{"type":"comment-added"}`, 200},
		{"not understood", "/webhooks/review/" + secretText, `{`, 400},
		{"another host's body", "/webhooks/review/" + secretText, pushBody, 400},
		{"a wrong secret", "/webhooks/review/" + secretText + "x", gerritPush, 401},
		{"the secret cut", "/webhooks/review/" + secretText[1:], gerritPush, 401},
		{"no secret", "/webhooks/review", gerritPush, 401},
		{"an empty one", "/webhooks/review/", gerritPush, 404},
		{"something after it", "/webhooks/review/" + secretText + "/", gerritPush, 401},
		{"in the query", "/webhooks/review?secret=" + secretText, gerritPush, 401},
	} {
		if w := d.do(post(c.path, c.body)); w.Code != c.status || strings.Contains(w.Body.String(), secretText) {
			t.Errorf("%s: %d %s", c.name, w.Code, w.Body)
		}
	}
	if w := d.do(signed("/webhooks/review", "push", pushBody)); w.Code != 401 {
		t.Errorf("a delivery that another host signed: %d", w.Code)
	}
	for _, e := range d.logs.All() {
		t.Errorf("logged %v", e)
	}
	for _, got := range d.inbox.deliveries() {
		if strings.Contains(fmt.Sprintf("%+v", got), secretText) {
			t.Errorf("the secret was stored: %+v", got)
		}
	}
}

// TestPathSecretIsEscaped: any secret works in a path as it is written there.
func TestPathSecretIsEscaped(t *testing.T) {
	for _, text := range []string{"plus+slash/equals=of-base64-in-one-secret==", "100%25 of it", "a?b#c d;e", "größe", "a%2Fb"} {
		secret, _, err := hosts.ParseSecret([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		host, _ := hosts.ByKind("beanstalk")
		h := New(Options{Inbox: &memory{}, Hosts: func(string) (hosts.Host, hosts.Secret, bool) { return host, secret, true }})
		e := newEcho(h)
		for _, path := range []string{url.PathEscape(text), strings.ReplaceAll(url.PathEscape(text), "%2F", "/")} {
			w := httptest.NewRecorder()
			e.ServeHTTP(w, post("/webhooks/stalk/"+path, `{"trigger":"push","payload":{"repository":{"name":"app"}}}`))
			if w.Code != 202 {
				t.Errorf("%q as %s: %d", text, path, w.Code)
			}
		}
	}
}

// TestAnswersOfTheInbox: it decides on what no ref moved, and the answer says what it said.
func TestAnswersOfTheInbox(t *testing.T) {
	d := openDoor(t, Options{}, nil)
	d.inbox.answer = model.DeliveryIgnored
	w := d.do(signed("/webhooks/hub", "pull_request", `{"action":"opened","number":12,"pull_request":{"number":12,"title":"APP-7","state":"open"},"repository":{"id":7,"full_name":"acme/app"}}`))
	if got := d.inbox.deliveries(); w.Code != 200 || len(got) != 1 || got[0].Push.PullRequest == nil || !strings.Contains(w.Body.String(), got[0].Reason) {
		t.Errorf("a pull request: %d %s, %+v", w.Code, w.Body, got)
	}
	d.inbox.answer = ""
	w = d.do(signed("/webhooks/hub", "repository", `{"action":"renamed","changes":{"repository":{"name":{"from":"old"}}},"repository":{"id":7,"full_name":"acme/app"}}`))
	if got := d.inbox.deliveries()[1].Push; w.Code != 202 || got.Change != model.ChangeRenamed || got.Was != "acme/old" {
		t.Errorf("a rename: %d, %+v", w.Code, got)
	}
	w = d.do(signed("/webhooks/hub", "repository", `{"action":"deleted","repository":{"id":7,"full_name":"acme/app"}}`))
	if got := d.inbox.deliveries()[2].Push; w.Code != 202 || got.Change != model.ChangeDeleted {
		t.Errorf("a deletion: %d, %+v", w.Code, got)
	}
	w = d.do(post("/webhooks/review/"+secretText, `{"type":"project-head-updated","projectName":"acme/app"}`))
	if w.Code != 202 {
		t.Errorf("a new default branch: %d", w.Code)
	}
}

func TestManyRepositoriesInAnAnswer(t *testing.T) {
	repos := make([]string, maxNamed+1)
	a := accepted(model.Delivery{ID: "1", Status: model.DeliveryAccepted, Repositories: repos})
	if got := a.body.(acceptedBody).Repositories; len(got) != maxNamed {
		t.Errorf("%d named", len(got))
	}
	if got := accepted(model.Delivery{}).body.(acceptedBody).Repositories; got == nil {
		t.Error("no list is null")
	}
}
