package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// The tree of the generated repository: modules × packages × files, as deep as a
// Java project, so that a commit writes about as many trees as in real life.
const (
	modules        = 15
	packages       = 10
	filesInPackage = 10
	fileCount      = modules * packages * filesInPackage
)

// A tree holds the newest text of every file. There is one text for all branches:
// only the shape of the objects matters, not what a merge would say.
type tree struct {
	r     *rand.Rand
	lines [fileCount][]string
}

func newTree(r *rand.Rand) *tree {
	t := &tree{r: r}
	for f := range t.lines {
		for range 40 + r.IntN(80) {
			t.lines[f] = append(t.lines[f], t.line())
		}
	}
	return t
}

func (t *tree) line() string {
	return fmt.Sprintf("%s%s%s = %s(%d, %q);", strings.Repeat("    ", 1+t.r.IntN(3)),
		pick(t.r, nouns), pick(t.r, nouns), pick(t.r, verbs), t.r.IntN(1000), pick(t.r, fillers))
}

// change edits one to four places of a file, as a commit does.
func (t *tree) change(file int) {
	for range 1 + t.r.IntN(4) {
		lines := t.lines[file]
		at := t.r.IntN(len(lines))
		if len(lines) < 160 && t.r.IntN(3) == 0 {
			t.lines[file] = append(lines[:at:at], append([]string{t.line()}, lines[at:]...)...)
			continue
		}
		lines[at] = t.line()
	}
}

func (t *tree) content(file int) []byte {
	var b bytes.Buffer
	for _, l := range t.lines[file] {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.Bytes()
}

// path is where a file lies; files of one package are neighbours.
func path(file int) string {
	pkg := file / filesInPackage
	return fmt.Sprintf("module%02d/src/main/java/org/acme/%s%d/File%02d.java", pkg/packages, nouns[pkg%len(nouns)], pkg%packages, file%filesInPackage)
}

// some chooses one to three files of a package.
func (t *tree) some(pkg int) []int {
	out := make([]int, 0, 3)
	for range 1 + t.r.IntN(3) {
		out = append(out, pkg*filesInPackage+t.r.IntN(filesInPackage))
	}
	return out
}
