package hosts

import (
	"errors"
	"net/http"
	"testing"

	"issuetrail/internal/model"
)

func FuzzParseGitHub(f *testing.F) { fuzzParse(f, github{}) }
func FuzzParseGitLab(f *testing.F) { fuzzParse(f, gitlab{}) }
func FuzzParseGit(f *testing.F)    { fuzzParse(f, plain{}) }

func fuzzParse(f *testing.F, host Host) {
	headers := []string{hubEvent, labEvent, "Content-Type", hubDelivery, scriptDelivery, "Idempotency-Key"}
	for _, r := range recordings(f) {
		if r.host == host {
			event := r.header.Get(hubEvent) + r.header.Get(labEvent)
			f.Add(event, r.header.Get("Content-Type"), "id-1", string(r.body))
		}
	}
	f.Fuzz(func(t *testing.T, event, kind, id, body string) {
		h := http.Header{}
		for i, v := range []string{event, event, kind, id, id, id} {
			h.Set(headers[i], v)
		}
		p, err := host.Parse(h, []byte(body))
		storable(t, p)
		if err == nil && p.RepoName == "" && p.RepoID == "" && len(p.URLs) == 0 {
			t.Error("accepted without a repository")
		}
		if err != nil && errors.Is(err, ErrIgnored) && err.Error() == "" {
			t.Error("ignored without a reason")
		}
		_ = host.Verify(h, []byte(body), Secret{values: [][]byte{[]byte(id)}})
	})
}

// storable holds for all that Parse gives, with an error or without: every text
// is bounded, valid UTF-8 and free of control characters, for PostgreSQL takes no NUL.
func storable(t *testing.T, p model.Push) {
	t.Helper()
	if bad(p.Event, maxWord) || bad(p.DeliveryID, maxWord) {
		t.Errorf("event %q, delivery %q", p.Event, p.DeliveryID)
	}
	if bad(p.RepoID, maxWord) || bad(p.RepoName, maxName) {
		t.Errorf("repository %q %q", p.RepoID, p.RepoName)
	}
	if len(p.Updates) > maxUpdates {
		t.Errorf("%d updates", len(p.Updates))
	}
	for _, u := range p.Updates {
		if bad(u.Name, maxRef) || !branchOrTag(u.Name) {
			t.Errorf("ref %q", u.Name)
		}
	}
	for _, u := range p.URLs {
		if u == "" || bad(u, maxURL) {
			t.Errorf("address %q", u)
		}
	}
}
