package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/testssh"
)

// gitLinks searches a repository for issue keys of the projects, by git log
// and git for-each-ref alone: "APP-7 <hash>" for a commit that a branch or tag
// reaches, "APP-7 <branch> <tip>" for a branch. Sorted.
func gitLinks(t *testing.T, dir string, projects ...string) []string {
	t.Helper()
	key := regexp.MustCompile(`\b(` + strings.Join(projects, "|") + `)-[1-9][0-9]*\b`)
	links := map[string]bool{}
	for record := range strings.SplitSeq(testssh.Git(t, dir, "log", "--branches", "--tags", "--format=%x00%H %B"), "\x00") {
		hash, message, _ := strings.Cut(record, " ")
		for _, k := range key.FindAllString(message, -1) {
			links[k+" "+hash] = true
		}
	}
	for line := range strings.Lines(testssh.Git(t, dir, "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads/")) {
		line = strings.TrimSpace(line)
		name, _, _ := strings.Cut(line, " ")
		for _, k := range key.FindAllString(name, -1) {
			links[k+" "+line] = true
		}
	}
	list := make([]string, 0, len(links))
	for l := range links {
		list = append(list, l)
	}
	slices.Sort(list)
	return list
}

// apiLinks are the links of a repository as the API lists them, in the form of
// gitLinks; what is listed twice stands here twice.
func (w *world) apiLinks(name string) []string {
	w.t.Helper()
	list, err := w.linksOf(context.Background(), w.repos()[name].ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

func (w *world) linksOf(ctx context.Context, id string) (list []string, err error) {
	for c, err := range w.api.Commits(ctx, id) {
		if err != nil {
			return nil, err
		}
		if c.Reachable {
			list = append(list, c.Key+" "+c.Hash)
		}
	}
	for b, err := range w.api.Branches(ctx, id) {
		if err != nil {
			return nil, err
		}
		list = append(list, b.Key+" "+b.Name+" "+b.Tip)
	}
	slices.Sort(list)
	return list, nil
}

// sameLinks compares the API's links of a repository with git's own.
func (w *world) sameLinks(name, dir string, projects ...string) {
	w.t.Helper()
	want, got := gitLinks(w.t, dir, projects...), w.apiLinks(name)
	if !slices.Equal(want, got) {
		w.t.Errorf("links of %s: git has %d, the API %d\nmissing: %.6q\ntoo many: %.6q", name, len(want), len(got), minus(want, got), minus(got, want))
	}
}

// minus is what a has and b has not, each thing as often as it stands.
func minus(a, b []string) (out []string) {
	left := map[string]int{}
	for _, s := range b {
		left[s]++
	}
	for _, s := range a {
		if left[s]--; left[s] < 0 {
			out = append(out, s)
		}
	}
	return out
}
