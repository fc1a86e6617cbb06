package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// A served repository is what both sides read over SSH: a fresh bare repository that
// borrows the objects of a prepared one, so that pushes of the bench leave that alone.
type served struct {
	git  git
	dir  string
	url  string
	name string // as issuetrail calls it: the path without .git
}

// serve puts a prepared repository behind the SSH server.
func (b *bench) serve(ctx context.Context, prepared, name string) (*served, error) {
	dir := filepath.Join(b.tmp, "repos", name+".git")
	refs, err := os.ReadFile(filepath.Join(prepared, "packed-refs"))
	if err != nil {
		return nil, err
	}
	if err := b.borrow(ctx, prepared, dir, string(refs)); err != nil {
		return nil, err
	}
	return b.at(dir), b.warm(prepared)
}

// borrow makes a bare repository that reads its objects from another one.
func (b *bench) borrow(ctx context.Context, source, dir, packedRefs string) error {
	head, err := os.ReadFile(filepath.Join(source, "HEAD"))
	if err != nil {
		return err
	}
	if err := run(b.git.in(ctx, "", "init", "-q", "--bare", dir)); err != nil {
		return err
	}
	for name, content := range map[string]string{
		"HEAD":                    string(head),
		"packed-refs":             packedRefs,
		"objects/info/alternates": filepath.Join(source, "objects") + "\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// at describes a bare repository on disk as the SSH server serves it.
func (b *bench) at(dir string) *served {
	return &served{git: b.git, dir: dir, url: b.sshd.URL(dir), name: strings.TrimSuffix(strings.TrimPrefix(dir, "/"), ".git")}
}

// warm reads the packs once, so that the first side to ask does not pay for the disk.
func (b *bench) warm(dir string) error {
	packs, err := filepath.Glob(filepath.Join(dir, "objects/pack/*"))
	for _, p := range packs {
		if _, err := os.ReadFile(p); err != nil {
			return err
		}
	}
	return err
}

// tiny makes n small repositories, each with its own objects.
func (b *bench) tiny(ctx context.Context, n int) ([]*served, error) {
	model, err := b.generated(ctx, shape{Commits: 50, Branches: 5, Tags: 1})
	if err != nil {
		return nil, err
	}
	var out []*served
	for i := range n {
		s, err := b.serve(ctx, model, fmt.Sprintf("tiny/r%03d", i))
		if err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, nil
}

// A pushed commit is what push made.
type pushed struct {
	Key, Hash, Old string
	Ref            string
}

// push puts one commit on a branch, as a git push of it would leave the repository. Its
// message names a key of its own.
func (s *served) push(ctx context.Context, branch, key string) (pushed, error) {
	ref := "refs/heads/" + branch
	old, err := output(s.git.in(ctx, s.dir, "rev-parse", ref))
	if err != nil {
		return pushed{}, err
	}
	c := s.git.in(ctx, s.dir, "commit-tree", old+"^{tree}", "-p", old, "-m", key+": a commit of the bench")
	date := fmt.Sprintf("@%d +0000", time.Now().Unix())
	c.Env = append(c.Env, "GIT_AUTHOR_NAME=Bench", "GIT_AUTHOR_EMAIL=bench@acme.example", "GIT_AUTHOR_DATE="+date,
		"GIT_COMMITTER_NAME=Bench", "GIT_COMMITTER_EMAIL=bench@acme.example", "GIT_COMMITTER_DATE="+date)
	hash, err := output(c)
	if err != nil {
		return pushed{}, err
	}
	return pushed{Key: key, Hash: hash, Old: old, Ref: ref}, run(s.git.in(ctx, s.dir, "update-ref", ref, hash, old))
}
