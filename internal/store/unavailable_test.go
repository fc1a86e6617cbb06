package store

import (
	"errors"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/model"
	"issuetrail/internal/testpg"
)

// A PostgreSQL that was stopped made plain errors, which the API told as a fault of issuetrail.
func TestAStoppedDatabaseIsNamed(t *testing.T) {
	cluster := must(testpg.Start())(t)
	stop := sync.OnceFunc(cluster.Stop)
	defer stop()
	b := &bed{t, Options{URL: must(cluster.Database(t.Context()))(t)}}
	s := b.open()
	repo := addRepo(t, s, "acme/app").ID
	stop()
	for range 2 { // on a connection that broke, and on none
		for name, err := range map[string]error{
			"Repo":    err2(s.Repo(t.Context(), repo)),
			"Ping":    s.Ping(t.Context()),
			"Claim":   err2(s.Claim(t.Context(), node1)),
			"Enqueue": s.Enqueue(t.Context(), model.Request{RepoID: repo, RunAt: time.Now()}),
			"Add":     s.Add(t.Context(), model.Job{RepoID: repo}, []model.BatchCommit{commit("x", 1)}),
			"Accept":  err2(s.Accept(t.Context(), model.Delivery{Host: "h", Push: model.Push{RepoName: "acme/app"}})),
		} {
			if !errors.Is(err, model.ErrUnavailable) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
