package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
)

// What others wrote cannot steer the terminal.
func TestPlain(t *testing.T) {
	for in, want := range map[string]string{
		"APP-7 ünïcode":        "APP-7 ünïcode",
		"a\x1b[31mred\x07\nb":  "a[31mredb",
		"\u009b2J and \x7fdel": "2J and del",
	} {
		if got := plain(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

// A sync that runs is shown on a terminal, in one line that fits, and wiped at its end.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{w: &out, width: func() int { return 40 }}
	r := wire.Repository{Name: "acme/app", State: "syncing", Progress: &wire.Progress{Objects: 30, Total: 60, Bytes: 2e6, Commits: 1}}
	p.show(r)
	if got := out.String(); got != clearLine+"acme/app  [############------------] 50"+lineStart {
		t.Errorf("%q", got)
	}
	out.Reset()
	p.end()
	p.end()
	if out.String() != clearLine {
		t.Errorf("%q", out.String())
	}
	if got := progressText(r.Progress); got != "50 % of 60 objects, 2.0 MB, 1 commit" {
		t.Error(got)
	}
	out.Reset()
	silent := newProgress(&out)
	silent.show(r)
	silent.end()
	if out.Len() > 0 {
		t.Errorf("on no terminal: %q", out.String())
	}
}

// The table shows when the schedule comes next, how far a sync is, and what is wrong.
func TestRepoTable(t *testing.T) {
	at := wire.At(time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour))
	var out bytes.Buffer
	err := repoTable(&out, []wire.Repository{{
		ID: "7", Name: "acme/app", URL: "git@git.example.com:acme/app.git", Host: "git", State: "syncing", Mirror: "full", Schedule: "@daily",
		NextRuns: []wire.Time{at, at, at}, Commits: 10, LinkedCommits: 4,
		Progress:  &wire.Progress{Objects: 5},
		LastError: &wire.LastError{Code: "timeout", Detail: "too\x1b slow", Hint: "wait"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"4 of 10", "@daily    12:00:00, 12:00:00  full*", "* this version keeps history only",
		"\n7  git@git.example.com:acme/app.git\n    syncing: 5 objects, 0.0 MB, 0 commits\n    timeout: too slow\n    hint: wait\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, out.String())
		}
	}
}

func TestMoment(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		at     time.Time
		layout string
	}{
		{now.Add(-time.Hour), "15:04:05"},
		{now.Add(72 * time.Hour), "01-02 15:04"},
		{now.Add(-9999 * time.Hour), "2006-01-02"},
	} {
		if got, want := moment(wire.At(c.at)), c.at.UTC().Format(c.layout); got != want {
			t.Errorf("%v: %q, want %q", c.at, got, want)
		}
	}
	if moment(wire.Time{}) != "never" || when(wire.Time{}) != "never" {
		t.Error("a moment that never came")
	}
}
