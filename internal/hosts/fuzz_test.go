package hosts

import (
	"errors"
	"net/http"
	"testing"

	"issuetrail/internal/model"
)

func FuzzParseGitHub(f *testing.F)          { fuzzParse(f, github{}) }
func FuzzParseGitLab(f *testing.F)          { fuzzParse(f, gitlab{}) }
func FuzzParseBitbucket(f *testing.F)       { fuzzParse(f, bitbucket{}) }
func FuzzParseBitbucketServer(f *testing.F) { fuzzParse(f, bitbucketServer{}) }
func FuzzParseAzure(f *testing.F)           { fuzzParse(f, azure{}) }
func FuzzParseGerrit(f *testing.F)          { fuzzParse(f, gerrit{}) }
func FuzzParseGitBlit(f *testing.F)         { fuzzParse(f, gitblit{}) }
func FuzzParseGitolite(f *testing.F)        { fuzzParse(f, gitolite{}) }
func FuzzParseBeanstalk(f *testing.F)       { fuzzParse(f, beanstalk{}) }
func FuzzParseGitea(f *testing.F)           { fuzzParse(f, gitea{}) }
func FuzzParseGit(f *testing.F)             { fuzzParse(f, plain{}) }

// The headers that Parse looks at: each host reads its own.
var (
	eventHeaders    = []string{hubEvent, labEvent, "X-Gitea-Event", "X-Event-Key"}
	deliveryHeaders = []string{hubDelivery, scriptDelivery, "Idempotency-Key", "X-Gitea-Delivery", "X-Request-UUID", "X-Request-Id", "X-Hook-UUID"}
)

func fuzzParse(f *testing.F, host Host) {
	for _, r := range recordings(f) {
		if r.host != host {
			continue
		}
		event := ""
		for _, name := range []string{"X-Gogs-Event", "X-Gitea-Event", hubEvent, labEvent, "X-Event-Key"} {
			if v := r.header.Get(name); v != "" && event == "" {
				event = v
			}
		}
		f.Add(event, r.header.Get("Content-Type"), "id-1", string(r.body))
	}
	f.Fuzz(func(t *testing.T, event, kind, id, body string) {
		h := http.Header{"Content-Type": {kind}}
		for _, name := range eventHeaders {
			h.Set(name, event)
		}
		for _, name := range deliveryHeaders {
			h.Set(name, id)
		}
		p, err := host.Parse(h, []byte(body))
		sound(t, p, err)
		for _, name := range []string{hubSignature, "X-Hub-Signature", "X-Gitea-Signature", labToken, "Authorization"} {
			h.Set(name, id)
		}
		if host.Verify(h, []byte(body), Secret{}) == nil {
			t.Error("verified without a secret")
		}
		_ = host.Verify(h, []byte(body), Secret{values: [][]byte{[]byte(id)}})
	})
}

// sound holds for all that Parse gives.
func sound(t *testing.T, p model.Push, err error) {
	t.Helper()
	storable(t, p)
	if err == nil && p.RepoName == "" && p.RepoID == "" && len(p.URLs) == 0 && !p.Everything {
		t.Error("accepted without a repository")
	}
	if err == nil && p.PullRequest != nil && (len(p.Updates) > 0 || p.Change != "" || p.Everything) {
		t.Errorf("a pull request and more: %+v", p)
	}
	if err != nil && errors.Is(err, ErrIgnored) && err.Error() == "" {
		t.Error("ignored without a reason")
	}
	if err != nil && !errors.Is(err, ErrIgnored) && len(err.Error()) > 500 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

// storable holds for all that Parse gives, with an error or without: every text
// is bounded, valid UTF-8 and free of control characters, for PostgreSQL takes no NUL.
func storable(t *testing.T, p model.Push) {
	t.Helper()
	if bad(p.Event, maxWord) || bad(p.DeliveryID, maxWord) {
		t.Errorf("event %q, delivery %q", p.Event, p.DeliveryID)
	}
	if bad(p.RepoID, maxWord) || bad(p.RepoName, maxName) || bad(p.Was, maxName) {
		t.Errorf("repository %q %q, was %q", p.RepoID, p.RepoName, p.Was)
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
	if pr := p.PullRequest; pr != nil {
		year := pr.UpdatedAt.Year()
		if pr.Number <= 0 || pr.Status == "" || !pr.UpdatedAt.IsZero() && (year < 1970 || year > 9999) {
			t.Errorf("pull request %+v", pr)
		}
		if bad(pr.Title, maxTitle) || bad(pr.Source, maxRef) || bad(pr.Target, maxRef) {
			t.Errorf("pull request %q, from %q to %q", pr.Title, pr.Source, pr.Target)
		}
	}
}
