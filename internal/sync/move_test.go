package sync

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"issuetrail/internal/issuekey"
	"issuetrail/internal/model"
)

// copied is a server's repository with the same history.
func (h *fakeHistory) copied() *fakeHistory {
	out := newFakeHistory()
	out.refs, out.commits = maps.Clone(h.refs), maps.Clone(h.commits)
	return out
}

// moved is a stage whose repo has two branches and a tag, and was seen at acme/new.git.
func moved(t *testing.T, there func(s *stage) *fakeHistory) *stage {
	s := newStage(t, appOptions)
	s.commit("main", "APP-1 first")
	s.commit("main", "APP-2 second")
	s.commit("side", "APP-3 side")
	s.set("refs/tags/v1", hash(77), s.commit("main", "APP-4 third"))
	s.sync(resultChanged)
	s.elsewhere = map[string]*fakeHistory{"acme/new.git": there(s)}
	s.store.repos[1].MovedTo = "git@host:acme/new.git"
	return s
}

const (
	oldURL = "git@host:acme/app.git"
	newURL = "git@host:acme/new.git"
)

func TestMoveConfirmed(t *testing.T) {
	for name, there := range map[string]func(s *stage) *fakeHistory{
		"the same": func(s *stage) *fakeHistory { return s.copied() },
		"only a tag is left as it was": func(s *stage) *fakeHistory {
			h := s.copied()
			h.commit("main", "APP-5 more")
			h.set("refs/heads/side", model.Hash{}, model.Hash{})
			return h
		},
		"set back to a stored commit": func(s *stage) *fakeHistory {
			h := s.copied()
			back := h.commits[h.refs["refs/heads/main"].Tip].parents[0]
			h.refs = map[string]model.Ref{"refs/heads/main": {Name: "refs/heads/main", Tip: back}}
			return h
		},
		"one branch that moved": func(s *stage) *fakeHistory {
			h := s.copied()
			h.refs = map[string]model.Ref{"refs/heads/main": h.refs["refs/heads/main"]}
			for range 3 * moveBatch / 2 {
				h.commit("main", "APP-5 more")
			}
			return h
		},
		"rewritten from a stored commit on": func(s *stage) *fakeHistory {
			h := s.copied()
			h.refs = map[string]model.Ref{"refs/heads/main": {Name: "refs/heads/main", Tip: h.commits[h.refs["refs/heads/main"].Tip].parents[0]}}
			h.commit("main", "APP-6 another third")
			return h
		},
		// The host's id says that it is no fork.
		"a fork of equal history": func(s *stage) *fakeHistory {
			h := s.copied()
			h.commit("main", "APP-7 of the fork")
			return h
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := moved(t, there)
			s.openErr = func(string) error {
				return &model.Failure{Code: model.CodeNotFound, Detail: "nothing is here any more"}
			}
			if _, err := s.run(true, model.PriorityWebhook); err != nil {
				t.Fatal(err)
			}
			repo := s.store.repos[1]
			if repo.URL != newURL || repo.MovedTo != "" || !slices.Equal(s.store.moves, []bool{true}) {
				t.Errorf("address %s, moved to %q, told %v", repo.URL, repo.MovedTo, s.store.moves)
			}
			s.fakeHistory = s.elsewhere["acme/new.git"]
			s.check()
		})
	}
}

func TestMoveDropped(t *testing.T) {
	failing := func(code string) func(*stage) *fakeHistory {
		return func(s *stage) *fakeHistory {
			h := s.copied()
			h.openErr = func(string) error { return &model.Failure{Code: code, Detail: "the words of the server"} }
			return h
		}
	}
	for name, there := range map[string]func(s *stage) *fakeHistory{
		"empty": func(*stage) *fakeHistory { return newFakeHistory() },
		"unrelated": func(*stage) *fakeHistory {
			h := newFakeHistory()
			for range 600 {
				h.commit("main", "APP-9 of another repository")
			}
			return h
		},
		"nothing there":       failing(model.CodeNotFound),
		"hidden":              failing(model.CodeAuthFailed),
		"of another kind":     failing(model.CodeUnsupported),
		"larger than allowed": failing(model.CodeLimitExceeded),
	} {
		t.Run(name, func(t *testing.T) {
			s := moved(t, there)
			s.sync(resultUnchanged)
			if repo := s.store.repos[1]; repo.URL != oldURL || repo.MovedTo != "" || !slices.Equal(s.store.moves, []bool{false}) {
				t.Errorf("address %s, moved to %q, told %v", repo.URL, repo.MovedTo, s.store.moves)
			}
		})
	}
}

// TestMoveKept: what may pass neither fails the job nor ends the suspicion.
func TestMoveKept(t *testing.T) {
	for name, spoil := range map[string]func(h *fakeHistory){
		"unreachable": func(h *fakeHistory) {
			h.openErr = func(string) error { return &model.Failure{Code: model.CodeUnreachable} }
		},
		"a key that must be confirmed": func(h *fakeHistory) {
			h.openErr = func(string) error { return &model.Failure{Code: model.CodeHostKeyUnknown} }
		},
		"a fault of ours": func(h *fakeHistory) { h.openErr = func(string) error { panic("no more ink") } },
		"the probe fails": func(h *fakeHistory) {
			h.refs = map[string]model.Ref{}
			h.commit("main", "APP-1 unrelated")
			h.onFetch = func(context.Context, int) error { return &model.Failure{Code: model.CodeTimeout} }
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := moved(t, func(s *stage) *fakeHistory { return s.copied() })
			spoil(s.elsewhere["acme/new.git"])
			s.sync(resultUnchanged)
			if repo := s.store.repos[1]; repo.URL != oldURL || repo.MovedTo != newURL || len(s.store.moves) != 0 {
				t.Errorf("address %s, moved to %q, told %v", repo.URL, repo.MovedTo, s.store.moves)
			}
			s.elsewhere["acme/new.git"] = s.copied()
			s.sync(resultUnchanged)
			if repo := s.store.repos[1]; repo.URL != newURL {
				t.Errorf("once it passed: %s", repo.URL)
			}
		})
	}
}

// TestMoveHangs: an address where the server hangs holds the job up for a while, not for good.
func TestMoveHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := moved(t, func(s *stage) *fakeHistory {
			h := newFakeHistory()
			h.commit("main", "APP-1 unrelated")
			h.onFetch = func(ctx context.Context, _ int) error {
				<-ctx.Done()
				return context.Cause(ctx)
			}
			return h
		})
		start := time.Now()
		s.sync(resultUnchanged)
		if took := time.Since(start); took != moveTime || s.store.repos[1].MovedTo != newURL {
			t.Errorf("it took %s, moved to %q", took, s.store.repos[1].MovedTo)
		}
	})
}

func TestMoveOnOneServer(t *testing.T) {
	for _, url := range []string{"git@other:acme/new.git", "ssh://git@host:2222/acme/new.git", oldURL, "https://host/acme/new.git"} {
		s := moved(t, func(s *stage) *fakeHistory { return s.copied() })
		s.store.repos[1].MovedTo = url
		s.sync(resultUnchanged)
		if !slices.Equal(s.store.moves, []bool{false}) || s.opens["other"] > 0 || s.store.repos[1].URL != oldURL {
			t.Errorf("%s: told %v, opened %v", url, s.store.moves, s.opens)
		}
	}
}

func TestMoveOfTheStore(t *testing.T) {
	same := func(s *stage) *fakeHistory { return s.copied() }
	s := moved(t, same)
	s.store.moveErr = model.ErrExists // another repo has the address
	s.sync(resultUnchanged)

	s = moved(t, same)
	s.store.moveErr = model.ErrFenced
	if _, err := s.run(true, model.PriorityWebhook); !errors.Is(err, model.ErrFenced) {
		t.Errorf("a lost job: %v", err)
	}

	// What was never synced has no history that could tell.
	s = newStage(t, appOptions)
	s.commit("main", "APP-1")
	s.elsewhere = map[string]*fakeHistory{"acme/new.git": s.copied()}
	s.store.repos[1].MovedTo = newURL
	s.sync(resultChanged)
	if s.store.repos[1].URL != oldURL || !slices.Equal(s.store.moves, []bool{false}) {
		t.Errorf("moved without history: %v", s.store.moves)
	}

	// Making links anew asks no server.
	s = moved(t, same)
	if _, err := s.run(false, model.PriorityManual); err != nil || len(s.store.moves) != 0 {
		t.Errorf("relink: %v, told %v", err, s.store.moves)
	}
}

func TestPullRequestKeys(t *testing.T) {
	s := newStage(t, appOptions)
	pr := model.PullRequest{Title: "OPS-3, APP-12: rid of APP-2 and NEW-1; see https://x/APP-99", Source: "feature/app-7-ops-3", Target: "APP-500"}
	if got, want := s.runner.PullRequestKeys(model.Repo{}, pr), []model.IssueKey{"APP-12", "APP-2", "APP-7", "OPS-3"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	only := model.Repo{RepoSpec: model.RepoSpec{Projects: []string{"OPS"}}}
	if got := s.runner.PullRequestKeys(only, pr); !slices.Equal(got, []model.IssueKey{"OPS-3"}) {
		t.Errorf("of one project: %v", got)
	}
	o := appOptions
	o.Issues = issuekey.Options{Projects: []string{"NEW"}}
	if err := s.runner.SetOptions(o); err != nil {
		t.Fatal(err)
	}
	if got := s.runner.PullRequestKeys(model.Repo{}, pr); !slices.Equal(got, []model.IssueKey{"NEW-1"}) {
		t.Errorf("by other rules: %v", got)
	}
	hostile := model.PullRequest{Title: strings.Repeat("APP-1 \x00\xff\n", 1<<16), Source: "-"}
	if got := s.runner.PullRequestKeys(model.Repo{}, hostile); len(got) > 0 {
		t.Errorf("other rules and a hostile title: %v", got)
	}
}
