package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// TestWatchActivates: the staged key becomes the active one when every repository that needs it accepts it,
// and not before.
func TestWatchActivates(t *testing.T) {
	s := newRotation(t, "git@a.example:x.git", "git@b.example:y.git", "https://c.example/z.git")
	sleeping := s.add("git@d.example:sleeping.git")
	yes := true
	if _, err := s.store.UpdateRepo(t.Context(), sleeping.ID, model.RepoPatch{Suspended: &yes}); err != nil {
		t.Fatal(err)
	}
	s.answer = func(a model.Address) error {
		if a.Host == "b.example" {
			return refuse(model.CodeNotFound)
		}
		return nil
	}
	w := s.watch()
	s.round(w)
	if said := s.said(w); !maps.Equal(said, map[string]string{"x": "ok", "y": "not_found"}) || s.isActive() || s.asked() != 2 {
		t.Fatalf("%v, active %v", said, s.isActive())
	}
	s.answer = func(model.Address) error { return nil }
	s.later(askAgain - time.Second)
	s.round(w)
	if s.asked() != 0 {
		t.Error("it asked again too soon")
	}

	// By now the first acceptance is too old to count: it is asked for again in the next round.
	s.later(acceptedFor)
	s.round(s.watch())
	if n := s.asked(); n != 1 || s.isActive() {
		t.Fatalf("%d asked, active %v", n, s.isActive())
	}
	s.round(w)
	if n := s.asked(); n != 1 || !s.isActive() {
		t.Errorf("%d asked, active %v", n, s.isActive())
	}
	if pause := w.round(t.Context()); pause != lookForStaged || s.asked() != 0 {
		t.Error("it goes on without a staged key")
	}
}

// TestWatchWithoutRepositories: nobody accepts a key where there is nobody to ask.
func TestWatchWithoutRepositories(t *testing.T) {
	s := newRotation(t, "https://c.example/z.git")
	w := s.watch()
	s.round(w)
	if s.isActive() || s.asked() != 0 {
		t.Error("a key that nobody was asked about is active")
	}
	s.add("git@a.example:x.git")
	s.round(w)
	if !s.isActive() {
		t.Error("it is not active")
	}
}

// TestWatchSparesServers: at most four logins at once, two at a server, and where one says enough no more.
func TestWatchSparesServers(t *testing.T) {
	var urls []string
	for _, server := range []string{"refuses", "strange", "down", "fine", "mixed"} {
		for n := range 20 {
			urls = append(urls, fmt.Sprintf("git@%s.example:r%d-%s.git", server, n, server))
		}
	}
	s := newRotation(t, append(urls, "other@refuses.example:other.git")...)
	s.answer = func(a model.Address) error {
		switch {
		case a.User == "other":
			return nil
		case strings.HasPrefix(a.Host, "refuses"):
			return refuse(model.CodeAuthFailed)
		case strings.HasPrefix(a.Host, "strange"):
			return refuse(model.CodeHostKeyChanged)
		case strings.HasPrefix(a.Host, "down"):
			return refuse(model.CodeUnreachable)
		case strings.HasPrefix(a.Host, "mixed"):
			return refuse(model.CodeNotFound)
		}
		return nil
	}
	s.during = func(context.Context, int) { <-time.After(2 * time.Millisecond) } // so that they meet
	w := s.watch()
	s.round(w)
	count := map[string]int{}
	for url, n := range s.probes {
		a, _ := model.ParseAddress(url)
		count[a.User+"@"+a.Host] += n
	}
	for at, most := range map[string]int{"git@refuses.example": 2, "git@strange.example": 2, "git@down.example": 3, "git@fine.example": 20, "git@mixed.example": 20, "other@refuses.example": 1} {
		if count[at] == 0 || count[at] > most {
			t.Errorf("%s was asked %d times, want %d at most", at, count[at], most)
		}
	}
	for at, n := range s.most {
		if want := map[bool]int{true: 4, false: 2}[at == ""]; n > want || at == "" && n < want {
			t.Errorf("%d logins at once at %q", n, at)
		}
	}
	said := s.said(w)
	for name, want := range map[string]string{"r7-refuses": "auth_failed", "r7-strange": "host_key_changed", "r7-down": "unreachable", "r7-fine": "ok", "r7-mixed": "not_found", "other": "ok"} {
		if said[name] != want {
			t.Errorf("%s: %q, want %s", name, said[name], want)
		}
	}
	status, err := w.Status(t.Context())
	if err != nil || status.Accepted != 21 || status.Expected != 101 || len(status.Servers) != 5 {
		t.Errorf("%d of %d, %v", status.Accepted, status.Expected, err)
	}
}

// TestWatchOnTwoNodes: the second node takes what the first has found out, also what it finds out meanwhile.
func TestWatchOnTwoNodes(t *testing.T) {
	var urls []string
	for n := range 40 {
		urls = append(urls, fmt.Sprintf("git@s%d.example:r%d.git", n%4, n))
	}
	s := newRotation(t, urls...)
	s.answer = func(a model.Address) error {
		if a.Path == "r0.git" {
			return refuse(model.CodeNotFound)
		}
		return nil
	}
	s.during = func(context.Context, int) { s.later(hearAgain) } // each takes its time
	var nodes sync.WaitGroup
	for range 2 {
		nodes.Go(func() { s.round(s.watch()) })
	}
	nodes.Wait()
	if n := s.asked(); n < 40 || n > 60 {
		t.Errorf("40 repositories were asked %d times by two nodes", n)
	}
}

// TestWatchGoesOn: a daemon that is stopped in the middle leaves what it found out, and the next one does the rest.
func TestWatchGoesOn(t *testing.T) {
	var urls []string
	for n := range 20 {
		urls = append(urls, fmt.Sprintf("git@a.example:r%d.git", n))
	}
	s := newRotation(t, urls...)
	ctx, stop := context.WithCancel(t.Context())
	s.during = func(_ context.Context, n int) {
		if n == 8 {
			stop()
		}
	}
	w, ended := s.watch(), make(chan struct{})
	go func() { w.run(ctx); close(ended) }()
	<-ended
	before := s.asked()
	done := 0
	for _, word := range s.said(w) {
		if word == "ok" {
			done++
		}
	}
	if before > 10 || done == 0 || done >= 8 || s.isActive() {
		t.Fatalf("%d asked, %d known, active %v", before, done, s.isActive())
	}
	s.during = nil
	s.round(s.watch())
	if n := s.asked(); n != 20-done || !s.isActive() {
		t.Errorf("%d asked, %d were left; active %v", n, 20-done, s.isActive())
	}
}

// TestCheckNow: what is asked for by a person is done at once, by whatever is known, and the running round
// makes room for it.
func TestCheckNow(t *testing.T) {
	s := newRotation(t, "git@a.example:x.git", "git@a.example:y.git", "https://c.example/z.git")
	s.answer = func(model.Address) error { return refuse(model.CodeTimeout) }
	ctx, stop := context.WithCancel(t.Context())
	w, ended := s.watch(), make(chan struct{})
	begun := make(chan struct{}, 10)
	s.during = func(ctx context.Context, n int) { // the first round hangs
		begun <- struct{}{}
		if n <= 2 {
			<-ctx.Done()
		}
	}
	go func() { w.run(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	<-begun
	at, err := w.CheckNow(ctx)
	if err != nil {
		t.Fatal(err)
	}
	wait := func() {
		t.Helper()
		for end := time.Now().Add(time.Minute); ; {
			status, err := w.Status(ctx)
			if err != nil || time.Now().After(end) {
				t.Fatalf("checking: %v, %v", status.Checking, err)
			}
			if !status.Checking {
				return
			}
		}
	}
	wait()
	items, _, err := w.Checks(ctx, 10, "")
	if err != nil || len(items) != 2 || slices.ContainsFunc(items, func(c wire.KeyCheck) bool { return c.Staged == nil || *c.Staged != "timeout" || c.CheckedAt.Before(at) }) {
		t.Errorf("%+v, %v", items, err)
	}
	status, err := w.Status(ctx)
	if err != nil || s.tests != 2 || len(status.Servers) != 2 {
		t.Fatalf("%d servers tried, %+v, %v", s.tests, status, err)
	}
	for _, server := range status.Servers {
		if server.Tried == nil || server.Tried.Role != "active" || (server.StagedRepos == nil) != (server.Scheme == "https") {
			t.Errorf("%+v", server)
		}
	}

	// What was found out a moment ago is no reason not to ask.
	s.mu.Lock()
	s.answer = func(model.Address) error { return nil }
	s.mu.Unlock()
	s.later(time.Second)
	if _, err := w.CheckNow(ctx); err != nil {
		t.Fatal(err)
	}
	wait()
	if !s.isActive() || s.tests != 4 {
		t.Errorf("active %v, %d tests", s.isActive(), s.tests)
	}
}

// TestWatchWithoutDatabase: it says so and goes on.
func TestWatchWithoutDatabase(t *testing.T) {
	s := newRotation(t, "git@a.example:x.git")
	w := s.watch()
	broken := errors.New("away")
	w.store = brokenChecks{s.store, broken}
	if _, err := w.tryAll(t.Context(), time.Time{}); !errors.Is(err, broken) || s.isActive() {
		t.Error(err)
	}
	w.store = s.store
	s.round(w)
	if !s.isActive() {
		t.Error("it did not go on")
	}
}
