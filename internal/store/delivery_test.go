package store

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/model"
)

func TestDeliveriesAreAcceptedOnce(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		repo := addRepo(t, s, "acme/app").ID
		ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
		d := model.Delivery{Host: "h", Body: []byte(`{"ref":"x"}`), Push: model.Push{
			Event: "push", DeliveryID: "1", RepoName: "other/name", URLs: []string{"not a url\x00", "https://Example.com/Acme/app.git"},
			Updates: []model.RefUpdate{{Name: "refs/heads/main", New: model.Hash{1}}},
		}}
		first := must(s.Accept(t.Context(), d))(t)
		if first.Status != model.DeliveryAccepted || !cmp.Equal(first.Repositories, []string{"acme/app"}) || first.ID == "" {
			t.Fatalf("first: %+v", first)
		}
		j := claimJob(t, s)
		if j.RepoID != repo || j.Priority != model.PriorityWebhook || !j.Fetch {
			t.Errorf("claimed %+v", j)
		}
		ok(t, s.Finish(t.Context(), j.Job))
		second := must(s.Accept(t.Context(), d))(t)
		if second.Status != model.DeliveryIgnored || second.Reason != "seen before" || second.ID != first.ID {
			t.Errorf("second: %+v", second)
		}
		_, err := s.Claim(t.Context(), node1)
		wantErr(t, err, model.ErrNotFound)
		got := must(s.Delivery(t.Context(), first.ID))(t)
		if !bytes.Equal(got.Body, d.Body) || !cmp.Equal(got.Push.Updates, d.Push.Updates) || got.BodySize != 11 || got.ReceivedAt.IsZero() {
			t.Errorf("stored: %+v", got)
		}
		again := must(s.Redeliver(t.Context(), first.ID))(t)
		if again.Status != model.DeliveryAccepted {
			t.Errorf("redelivered: %+v", again)
		}
		if j := claimAgain(t, s, repo); j.Priority != model.PriorityWebhook || !j.Fetch { // it waits a moment of its own
			t.Errorf("claimed again %+v", j)
		}
		_, err = s.Redeliver(t.Context(), "99999")
		wantErr(t, err, model.ErrNotFound)
		_, err = s.Delivery(t.Context(), "x")
		wantErr(t, err, model.ErrNotFound)
	})
}

// TestADeliveryThatCameToNothingMayComeAgain: a host's redelivery keeps its id, and is how people mend what
// was missed because the repository was not added yet, or not understood by an older version.
func TestADeliveryThatCameToNothingMayComeAgain(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		d := model.Delivery{Host: "h", Status: model.DeliveryRejected, Reason: "not understood", Body: []byte("{"), Push: model.Push{DeliveryID: "1"}}
		first := must(s.Accept(t.Context(), d))(t)
		if again := must(s.Accept(t.Context(), d))(t); again.Status != model.DeliveryRejected || again.Reason != d.Reason || again.ID != first.ID {
			t.Errorf("rejected again: %+v", again)
		}
		d = model.Delivery{Host: "h", Body: []byte("{}"), Push: model.Push{Event: "push", DeliveryID: "1", RepoName: "acme/app"}}
		if got := must(s.Accept(t.Context(), d))(t); got.Status != model.DeliveryIgnored || got.Reason == "seen before" {
			t.Errorf("understood, not mirrored: %+v", got)
		}
		repo := addRepo(t, s, "acme/app").ID
		ok(t, s.Finish(t.Context(), claimJob(t, s).Job))
		got := must(s.Accept(t.Context(), d))(t)
		if got.Status != model.DeliveryAccepted || got.ID != first.ID {
			t.Errorf("mirrored: %+v", got)
		}
		if j := claimJob(t, s); j.RepoID != repo || j.Priority != model.PriorityWebhook {
			t.Errorf("claimed %+v", j)
		}
		if got := must(s.Accept(t.Context(), d))(t); got.Reason != "seen before" {
			t.Errorf("accepted twice: %+v", got)
		}
		if got := must(s.Delivery(t.Context(), first.ID))(t); got.Status != model.DeliveryAccepted || string(got.Body) != "{}" {
			t.Errorf("stored: %+v", got)
		}
	})
}

func TestDeliveriesFindTheirRepos(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		for _, name := range []string{"acme/app", "srv/git/tool", "acme/lib"} {
			addRepo(t, s, name)
		}
		ssh := spec
		ssh.URL = "ssh://git@example.com:7999/acme/port.git"
		must(s.AddRepo(t.Context(), ssh))(t)
		resting := addRepo(t, s, "acme/resting").ID
		yes := true
		must(s.UpdateRepo(t.Context(), resting, model.RepoPatch{Suspended: &yes}))(t)
		for _, c := range []struct {
			push   model.Push
			want   []string
			reason string
		}{
			{model.Push{URLs: []string{"git@example.com:acme/app.git", "https://example.com/acme/lib"}}, []string{"acme/app", "acme/lib"}, ""},
			{model.Push{URLs: []string{"ssh://git@example.com:7999/acme/port.git"}}, []string{"acme/port"}, ""},
			{model.Push{URLs: []string{"https://elsewhere/x/y"}, RepoName: "Acme/APP"}, []string{"acme/app"}, ""},
			{model.Push{RepoName: "tool"}, []string{"srv/git/tool"}, ""},
			{model.Push{RepoName: "ool"}, nil, "the repository is not mirrored"},
			{model.Push{RepoName: "acme/resting"}, nil, "suspended"},
			{model.Push{}, nil, "the repository is not mirrored"},
		} {
			d := must(s.Accept(t.Context(), model.Delivery{Host: "h", Push: c.push}))(t)
			if !cmp.Equal(d.Repositories, c.want) || d.Reason != c.reason || (d.Status == model.DeliveryAccepted) != (c.want != nil) {
				t.Errorf("%+v: got %s %q %q", c.push, d.Status, d.Repositories, d.Reason)
			}
		}
		d := must(s.Accept(t.Context(), model.Delivery{Host: "other", Push: model.Push{RepoName: "acme/app"}}))(t)
		if d.Status != model.DeliveryIgnored {
			t.Errorf("a delivery of another host: %+v", d)
		}
		d = must(s.Accept(t.Context(), model.Delivery{Host: "h", Status: model.DeliveryRejected, Reason: "no JSON", Push: model.Push{RepoName: "acme/app"}}))(t)
		if d.Status != model.DeliveryRejected || d.Reason != "no JSON" || d.ID == "" {
			t.Errorf("a rejected one: %+v", d)
		}
	})
}

func TestDeliveryLogIsPagedAndPruned(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		old := time.Unix(1_600_000_000, 0).UTC()
		for i := range 5 {
			must(s.Accept(t.Context(), model.Delivery{Host: "h", ReceivedAt: old.Add(time.Duration(i) * time.Hour), Body: make([]byte, model.MaxKeptBody+1), Push: model.Push{Event: fmt.Sprint(i)}}))(t)
		}
		var got []string
		for cur := ""; ; {
			page, next, err := s.Deliveries(t.Context(), "h", 2, cur)
			ok(t, err)
			for _, d := range page {
				got = append(got, d.Push.Event)
			}
			if cur = next; cur == "" {
				break
			}
		}
		if want := []string{"4", "3", "2", "1", "0"}; !cmp.Equal(got, want) {
			t.Errorf("log is %q, want %q", got, want)
		}
		if page, _, err := s.Deliveries(t.Context(), "x", 2, ""); err != nil || len(page) != 0 {
			t.Errorf("of another host: %v %v", page, err)
		}
		_, _, err := s.Deliveries(t.Context(), "", 2, "garbage")
		wantErr(t, err, ErrCursor)
		if d := must(s.Delivery(t.Context(), "5"))(t); d.Body != nil || d.BodySize != model.MaxKeptBody+1 {
			t.Errorf("a large body: %d kept, size %d", len(d.Body), d.BodySize)
		}
		ok(t, s.PruneDeliveries(t.Context(), old.Add(3*time.Hour)))
		if n := countRows(t, s, "delivery"); n != 2 {
			t.Errorf("%d are left, want 2", n)
		}
	})
}
