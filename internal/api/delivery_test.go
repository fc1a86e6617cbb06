package api

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

func (s *stage) deliver(d model.Delivery) model.Delivery {
	s.t.Helper()
	d.ReceivedAt, d.BodySize = time.Now(), max(d.BodySize, int64(len(d.Body)))
	out, err := s.store.Accept(s.t.Context(), d)
	if err != nil {
		s.t.Fatal(err)
	}
	return out
}

func TestDeliveries(t *testing.T) {
	s := newStage(t)
	s.addRepo(`{"url":"git@github.com:acme/app.git"}`)
	push := model.Push{
		Event: "push", DeliveryID: "guid-1", RepoName: "acme/app", URLs: []string{"git@github.com:acme/app.git"},
		Updates: []model.RefUpdate{{Name: "refs/heads/main", New: model.Hash{7}}},
	}
	d := s.deliver(model.Delivery{Host: "github", Push: push, Body: []byte("{\"a\":\"\xff\"}")})
	s.deliver(model.Delivery{Host: "lab", Push: model.Push{Event: "Push Hook", RepoName: "x/y"}, BodySize: 2 << 20})

	l := as[wire.List[wire.Delivery]](s.do("GET", Prefix+"/deliveries", "").ok(http.StatusOK))
	if len(l.Items) != 2 || l.Items[0].Host != "lab" || l.Items[0].Status != "ignored" || l.Items[0].Reason == "" || l.Items[1].DeliveryID != "guid-1" {
		t.Fatalf("%+v", l)
	}
	if l := as[wire.List[wire.Delivery]](s.do("GET", Prefix+"/deliveries?host=github", "")); len(l.Items) != 1 || l.Items[0].ID != d.ID {
		t.Errorf("%+v", l)
	}
	if page := as[wire.List[wire.Delivery]](s.do("GET", Prefix+"/deliveries?limit=1", "")); len(page.Items) != 1 || page.Next == "" {
		t.Errorf("%+v", page)
	}

	got := as[wire.DeliveryDetail](s.do("GET", Prefix+"/deliveries/"+d.ID, "").ok(http.StatusOK))
	if got.Status != "accepted" || got.Repository != "acme/app" || len(got.Repositories) != 1 || got.Repositories[0] != "acme/app" ||
		len(got.Refs) != 1 || got.Refs[0].New != push.Updates[0].New.String() || got.Body == nil || *got.Body != "{\"a\":\"\uFFFD\"}" {
		t.Errorf("%+v", got)
	}
	if a := s.do("GET", Prefix+"/deliveries/"+l.Items[0].ID, ""); !bytes.Contains(a.Body, []byte(`"body":null`)) {
		t.Errorf("a long body is kept: %s", a.Body)
	}
	s.do("GET", Prefix+"/deliveries/none", "").problem(http.StatusNotFound, "not_found")
}

// What a delivery tells beside refs is shown.
func TestDeliveryOfOtherThings(t *testing.T) {
	s := newStage(t)
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	s.deliver(model.Delivery{Host: "github", Push: model.Push{Event: "repository", RepoName: "acme/new", Change: model.ChangeRenamed, Was: "acme/old"}})
	s.deliver(model.Delivery{Host: "github", Push: model.Push{Event: "pull_request", RepoName: "acme/app", PullRequest: &model.PullRequest{
		Number: 12, Title: "APP-7 <b>", Status: model.PullRequestMerged, Source: "f", Target: "main", UpdatedAt: at,
	}}})
	l := as[wire.List[wire.Delivery]](s.do("GET", Prefix+"/deliveries", "").ok(http.StatusOK)).Items
	p, r := l[0].PullRequest, l[1]
	if p == nil || p.Number != 12 || p.Title != "APP-7 <b>" || p.Status != "merged" || p.Source != "f" || p.Target != "main" || !p.UpdatedAt.Equal(at) {
		t.Errorf("%+v", p)
	}
	if r.PullRequest != nil || r.Change != "renamed" || r.Was != "acme/old" || r.Everything {
		t.Errorf("%+v", r)
	}
}

func TestRedeliver(t *testing.T) {
	s := newStage(t)
	d := s.deliver(model.Delivery{Host: "github", Push: model.Push{Event: "push", RepoName: "acme/app", URLs: []string{"git@github.com:acme/app.git"}}})
	if d.Status != model.DeliveryIgnored {
		t.Fatalf("%+v", d)
	}
	s.addRepo(`{"url":"git@github.com:acme/app.git"}`)
	if err := s.store.Finish(t.Context(), s.claim()); err != nil {
		t.Fatal(err)
	}
	got := as[wire.Delivery](s.do("POST", Prefix+"/deliveries/"+d.ID+"/redeliver", "").ok(http.StatusAccepted))
	if got.Status != "accepted" || len(got.Repositories) != 1 {
		t.Errorf("%+v", got)
	}
	if job := s.claim(); !job.Fetch {
		t.Errorf("%+v", job)
	}
	s.do("POST", Prefix+"/deliveries/none/redeliver", "").problem(http.StatusNotFound, "not_found")
}
