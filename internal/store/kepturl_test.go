package store

import (
	"context"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// A token that somebody writes before the host, as https://TOKEN@github.com/acme/app.git, was kept in the
// database in clear and shown with the repository, to viewers too.
func TestNoTokenOfAURLIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, b *bed) {
		s := b.open()
		const token = "ghp_0123456789abcdef"
		r, err := s.AddRepo(t.Context(), model.RepoSpec{URL: "https://" + token + "@github.com/acme/app.git", Host: "github", Source: model.SourceAPI})
		ok(t, err)
		if r.URL != "https://github.com/acme/app.git" {
			t.Errorf("kept as %s", r.URL)
		}
		spec := model.RepoSpec{URL: "https://" + token + "@github.com/acme/web.git", Host: "github"}
		for range 2 { // new, then known
			ok(t, s.DeclareRepos(t.Context(), []model.RepoSpec{spec}))
		}
		list, _, err := s.RepoStatuses(t.Context(), 10, "")
		ok(t, err)
		for _, r := range list {
			if strings.Contains(r.URL, token) {
				t.Errorf("kept as %s", r.URL)
			}
		}
		if found, err := s.FindRepo(t.Context(), "https://"+token+"@github.com/acme/app.git"); err != nil || found.ID != r.ID {
			t.Errorf("found %+v, %v", found, err)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		spec.URL = strings.Replace(spec.URL, "web", "new", 1)
		if _, err := s.AddRepo(gone, spec); err == nil || strings.Contains(err.Error(), token) {
			t.Errorf("the error is %v", err)
		}
	})
}
