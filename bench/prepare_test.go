package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func testBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{log: io.Discard, tmp: t.TempDir()}
	b.work = t.TempDir()
	b.git = git{tmp: b.tmp}
	return b
}

func TestHistoryIsDeterministic(t *testing.T) {
	var one, two bytes.Buffer
	s := shape{Commits: 300, Branches: 40, Tags: 6}
	if err := writeHistory(&one, s, 7); err != nil {
		t.Fatal(err)
	}
	if err := writeHistory(&two, s, 7); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("the same seed gave two histories")
	}
}

// TestGenerated has git count what the generator made, and the second key search
// look at it.
func TestGenerated(t *testing.T) {
	b, ctx := testBench(t), t.Context()
	s := shape{Commits: 2000, Branches: 400, Tags: 10}
	dir, err := b.generated(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	for what, want := range map[string]int{
		"rev-list --all --count":                             s.Commits,
		"for-each-ref --count=99999 --format=x refs/heads":   s.Branches,
		"for-each-ref --count=99999 --format=x refs/tags":    s.Tags,
		"for-each-ref --count=99999 --format=x refs/scratch": 0,
	} {
		out, err := output(b.git.in(ctx, dir, strings.Fields(what)...))
		if err != nil {
			t.Fatal(err)
		}
		got, err := strconv.Atoi(out)
		if err != nil {
			got = strings.Count(out, "x")
		}
		if got != want {
			t.Errorf("git %s: %d, want %d", what, got, want)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "objects/pack/*.bitmap")); len(found) != 1 {
		t.Errorf("bitmaps: %v", found)
	}
	links, err := linksOfGit(ctx, &served{git: b.git, dir: dir}, projects)
	if err != nil {
		t.Fatal(err)
	}
	commits := map[string]bool{}
	branches := 0
	for l := range links {
		_, what, _ := strings.Cut(l, " ")
		if strings.HasPrefix(what, "branch:") {
			branches++
		} else {
			commits[what] = true
		}
	}
	if share := float64(len(commits)) / float64(s.Commits); share < 0.5 || share > 0.8 {
		t.Errorf("%.0f %% of the commits name an issue", 100*share)
	}
	if branches < s.Branches/2 {
		t.Errorf("%d of %d branches name an issue", branches, s.Branches)
	}
}

// TestRealCopy packs a copy of a repository that has pull requests and lacks a file of
// one of them.
func TestRealCopy(t *testing.T) {
	b, ctx := testBench(t), t.Context()
	source, err := b.generated(ctx, shape{Commits: 60, Branches: 5, Tags: 2})
	if err != nil {
		t.Fatal(err)
	}
	git := func(stdin string, args ...string) string {
		t.Helper()
		c := b.git.in(ctx, source, args...)
		c.Env = append(c.Env, "GIT_AUTHOR_NAME=a", "GIT_AUTHOR_EMAIL=a", "GIT_COMMITTER_NAME=a", "GIT_COMMITTER_EMAIL=a")
		c.Stdin = strings.NewReader(stdin)
		out, err := output(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	blob := git("large\n", "hash-object", "-w", "--stdin")
	tree := git("100644 blob "+blob+"\tlarge\n", "mktree")
	git("", "update-ref", "refs/pull/1/head", git("", "commit-tree", tree, "-m", "lacks its file"))
	git("", "update-ref", "refs/pull/2/head", git("", "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "whole"))
	if err := os.Remove(filepath.Join(source, "objects", blob[:2], blob[2:])); err != nil {
		t.Fatal(err)
	}
	for all, want := range map[bool]int{false: 60, true: 61} {
		dir, err := b.realCopy(ctx, source, all)
		if err != nil {
			t.Fatal(err)
		}
		if err := run(b.git.in(ctx, dir, "fsck")); err != nil {
			t.Error(err)
		}
		count, err := output(b.git.in(ctx, dir, "rev-list", "--branches", "--tags", "--count"))
		if err != nil || count != strconv.Itoa(want) {
			t.Errorf("all refs %t: %s commits, want %d, %v", all, count, want, err)
		}
	}
}
