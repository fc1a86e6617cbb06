package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// realRepository measures and compares the repository of -repo.
func (b *bench) realRepository(ctx context.Context) error {
	if b.real == "" {
		fmt.Fprintln(b.log, "  no -repo: left out")
		return nil
	}
	dir, err := b.realCopy(ctx, b.real, b.allRefs)
	if err != nil {
		return err
	}
	s, err := b.serve(ctx, dir, "real")
	if err != nil {
		return err
	}
	projects := strings.Split(b.realProjects, ",")
	if err := b.compareFirst(ctx, "real", s, projects, firstOfReal); err != nil {
		return err
	}
	if err := b.gitPeak(ctx, s, "real"); err != nil {
		return err
	}
	return b.compareLinks(ctx, "real", s, projects)
}

// realCopy gives a copy of a repository on disk that is packed as pack does; the original is
// only read. With allRefs its refs outside of heads and tags come as branches:
// refs/pull/7/head as refs/heads/pull/7/head.
func (b *bench) realCopy(ctx context.Context, source string, allRefs bool) (string, error) {
	source, err := filepath.Abs(source)
	if err != nil {
		return "", err
	}
	refs, err := b.exposedRefs(ctx, source, allRefs)
	if err != nil {
		return "", err
	}
	return b.cached(ctx, fmt.Sprintf("real-%.6x.git", sha256.Sum256([]byte(source+refs))), func(dir string) error {
		fmt.Fprintf(b.log, "packing a copy of %s: some minutes, once\n", source)
		if err := b.borrow(ctx, source, dir, refs); err != nil {
			return err
		}
		if err := b.dropIncomplete(ctx, dir); err != nil {
			return err
		}
		if err := b.pack(ctx, dir); err != nil { // without -l: all objects are copied
			return err
		}
		return os.Remove(filepath.Join(dir, "objects/info/alternates"))
	})
}

// exposedRefs gives the packed-refs lines of source, under the names they are served by.
func (b *bench) exposedRefs(ctx context.Context, source string, all bool) (string, error) {
	list, err := output(b.git.in(ctx, source, "for-each-ref", "--format=%(objectname) %(objecttype) %(*objectname) %(refname)"))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	for line := range strings.Lines(list) {
		f := strings.Split(strings.TrimSpace(line), " ") // the third is empty unless it is a tag object
		hash, name := f[0], f[3]
		switch {
		case strings.HasPrefix(name, "refs/heads/"), strings.HasPrefix(name, "refs/tags/"):
		case !all:
			continue
		default:
			name = "refs/heads/" + strings.TrimPrefix(name, "refs/")
			if f[1] == "tag" {
				hash = f[2]
			}
		}
		fmt.Fprintf(&out, "%s %s\n", hash, name)
	}
	return out.String(), nil
}

// dropIncomplete deletes the branches and tags whose files are not all there: a stored
// copy of a repository may lack its largest ones, and git cannot serve what it lacks.
func (b *bench) dropIncomplete(ctx context.Context, dir string) error {
	missing, err := b.missing(ctx, dir)
	if err != nil || len(missing) == 0 {
		return err
	}
	commits, err := b.commitsAdding(ctx, dir, missing)
	if err != nil {
		return err
	}
	args := []string{"for-each-ref", "--format=delete %(refname)"}
	for _, c := range commits {
		args = append(args, "--contains="+c)
	}
	list, err := output(b.git.in(ctx, dir, args...))
	if err != nil {
		return err
	}
	fmt.Fprintf(b.log, "%d objects are missing; %d refs that need them are left out\n", len(missing), strings.Count(list, "\n")+1)
	c := b.git.in(ctx, dir, "update-ref", "--stdin")
	c.Stdin = strings.NewReader(list + "\n")
	if err := run(c); err != nil {
		return err
	}
	if missing, err = b.missing(ctx, dir); err == nil && len(missing) > 0 {
		err = fmt.Errorf("%s: %d objects are missing and no commit adds them", dir, len(missing))
	}
	return err
}

// missing names the objects that refs reach and the repository has not.
func (b *bench) missing(ctx context.Context, dir string) (map[string]bool, error) {
	out := map[string]bool{}
	err := lines(b.git.in(ctx, dir, "rev-list", "--objects", "--all", "--missing=print"), func(line string) {
		if h, ok := strings.CutPrefix(line, "?"); ok {
			out[h] = true
		}
	})
	return out, err
}

// commitsAdding gives the commits whose difference to a parent holds one of the objects.
func (b *bench) commitsAdding(ctx context.Context, dir string, objects map[string]bool) ([]string, error) {
	var commits []string
	var commit string
	err := lines(b.git.in(ctx, dir, "log", "--all", "-m", "--raw", "--no-abbrev", "--no-renames", "--format=commit %H"), func(line string) {
		f := strings.Fields(line)
		switch {
		case len(f) == 2 && f[0] == "commit":
			commit = f[1]
		case len(f) > 3 && objects[f[3]] && (len(commits) == 0 || commits[len(commits)-1] != commit):
			commits = append(commits, commit)
		}
	})
	return commits, err
}
