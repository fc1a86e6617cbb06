package main

import (
	"bufio"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A stream writes what git fast-import reads. Marks name blobs and commits.
type stream struct {
	w     *bufio.Writer
	marks int
	now   int64 // commit time, seconds
}

func (s *stream) data(b []byte) {
	fmt.Fprintf(s.w, "data %d\n", len(b))
	s.w.Write(b)
	s.w.WriteByte('\n')
}

func (s *stream) blob(content []byte) int {
	s.marks++
	fmt.Fprintf(s.w, "blob\nmark :%d\n", s.marks)
	s.data(content)
	return s.marks
}

// A node is a commit to write.
type node struct {
	ref     string
	author  string
	message string
	from    int         // mark of the first parent; 0 = none
	merge   int         // mark of the second parent; 0 = none
	files   map[int]int // file → mark of its blob
}

func (s *stream) commit(n node) int {
	s.marks++
	zone := []string{"+0000", "+0100", "-0700", "+0530"}[s.marks%4]
	fmt.Fprintf(s.w, "commit %s\nmark :%d\n", n.ref, s.marks)
	fmt.Fprintf(s.w, "author %s %d %s\n", n.author, s.now-int64(s.marks%7000), zone)
	committer := n.author
	if n.merge != 0 {
		committer = "Acme Merge <noreply@acme.example>"
	}
	fmt.Fprintf(s.w, "committer %s %d %s\n", committer, s.now, zone)
	s.data([]byte(n.message))
	if n.from != 0 {
		fmt.Fprintf(s.w, "from :%d\n", n.from)
	}
	if n.merge != 0 {
		fmt.Fprintf(s.w, "merge :%d\n", n.merge)
	}
	for _, f := range slices.Sorted(maps.Keys(n.files)) {
		fmt.Fprintf(s.w, "M 100644 :%d %s\n", n.files[f], path(f))
	}
	s.w.WriteByte('\n')
	return s.marks
}

// point makes a ref point at a mark; 0 deletes it.
func (s *stream) point(ref string, mark int) {
	to := strings.Repeat("0", 40)
	if mark != 0 {
		to = fmt.Sprintf(":%d", mark)
	}
	fmt.Fprintf(s.w, "reset %s\nfrom %s\n\n", ref, to)
}

func (s *stream) annotatedTag(name, author, message string, mark int) {
	fmt.Fprintf(s.w, "tag %s\nfrom :%d\ntagger %s %d +0000\n", name, mark, author, s.now)
	s.data([]byte(message))
}
