package sync

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"issuetrail/internal/model"
)

func hash(n int) model.Hash { return model.Hash{byte(n >> 8), byte(n), 1} }

func TestDiffRefs(t *testing.T) {
	stored := []model.Ref{
		{Name: "refs/heads/a/b", Tip: hash(1)},
		{Name: "refs/heads/main", Tip: hash(2)},
		{Name: "refs/tags/v1", Tip: hash(9), Peeled: hash(2)},
	}
	listed := []model.Ref{
		{Name: "refs/heads/a", Tip: hash(1)},
		{Name: "refs/heads/main", Tip: hash(3)},
		{Name: "refs/tags/v1", Tip: hash(9), Peeled: hash(2)},
		{Name: "refs/tags/v2", Tip: hash(10), Peeled: hash(3)},
	}
	want := []model.RefUpdate{
		{Name: "refs/heads/a", New: hash(1)},
		{Name: "refs/heads/a/b", Old: hash(1)},
		{Name: "refs/heads/main", Old: hash(2), New: hash(3)},
		{Name: "refs/tags/v2", New: hash(10), Peeled: hash(3)},
	}
	if d := cmp.Diff(want, diffRefs(stored, listed)); d != "" {
		t.Error(d)
	}
	if got := diffRefs(nil, nil); got != nil {
		t.Errorf("nothing against nothing: %v", got)
	}
}

// TestDiffApplied: the updates, applied to the stored refs, give those listed.
func TestDiffApplied(t *testing.T) {
	refs := rapid.Custom(func(t *rapid.T) []model.Ref {
		var out []model.Ref
		for name, n := range rapid.MapOf(rapid.StringMatching(`[a-c]{1,2}(/[a-b])?`), rapid.IntRange(1, 4)).Draw(t, "refs") {
			out = append(out, model.Ref{Name: model.HeadPrefix + name, Tip: hash(n)})
		}
		return sorted(out)
	})
	rapid.Check(t, func(t *rapid.T) {
		stored, listed := refs.Draw(t, "stored"), refs.Draw(t, "listed")
		now := map[string]model.Hash{}
		for _, r := range stored {
			now[r.Name] = r.Tip
		}
		for _, u := range diffRefs(stored, listed) {
			if now[u.Name] != u.Old || u.Old == u.New {
				t.Fatalf("%v, but the ref is at %s", u, now[u.Name])
			}
			if now[u.Name] = u.New; u.New.IsZero() {
				delete(now, u.Name)
			}
		}
		want := map[string]model.Hash{}
		for _, r := range listed {
			want[r.Name] = r.Tip
		}
		if d := cmp.Diff(want, now); d != "" {
			t.Fatal(d)
		}
	})
}

func TestOffers(t *testing.T) {
	stored := []model.Ref{
		{Name: "refs/heads/feature", Tip: hash(1)},
		{Name: "refs/heads/main", Tip: hash(2)},
		{Name: "refs/heads/release/1", Tip: hash(3)},
		{Name: "refs/heads/release/3", Tip: hash(4)},
		{Name: "refs/tags/v1", Tip: hash(9), Peeled: hash(5)},
	}
	for name, c := range map[string]struct {
		updates []model.RefUpdate
		want    []model.Hash
	}{
		"main moved":         {[]model.RefUpdate{{Name: "refs/heads/main", Old: hash(2), New: hash(20)}}, []model.Hash{hash(2)}},
		"feature moved":      {[]model.RefUpdate{{Name: "refs/heads/feature", Old: hash(1), New: hash(20)}}, []model.Hash{hash(1), hash(2)}},
		"a tag moved":        {[]model.RefUpdate{{Name: "refs/tags/v1", Old: hash(9), New: hash(20)}}, []model.Hash{hash(5), hash(2)}},
		"a release created":  {[]model.RefUpdate{{Name: "refs/heads/release/2", New: hash(20)}}, []model.Hash{hash(2), hash(3), hash(4)}},
		"the last created":   {[]model.RefUpdate{{Name: "refs/tags/v2", New: hash(20)}}, []model.Hash{hash(2), hash(5)}},
		"a deleted one only": {[]model.RefUpdate{{Name: "refs/heads/feature", Old: hash(1)}}, []model.Hash{hash(2)}},
	} {
		if d := cmp.Diff(c.want, offers(stored, c.updates, "refs/heads/main")); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	var many []model.Ref
	var updates []model.RefUpdate
	for i := range 500 {
		name := fmt.Sprintf("refs/heads/b%04d", i)
		many = append(many, model.Ref{Name: name, Tip: hash(i)})
		updates = append(updates, model.RefUpdate{Name: name, Old: hash(i), New: hash(1000 + i)})
	}
	got := offers(many, updates, "refs/heads/b0400")
	if len(got) != maxHaves || got[maxHaves-1] != hash(400) {
		t.Errorf("%d haves, the default branch is not the last: %v", len(got), got[len(got)-1])
	}
}
