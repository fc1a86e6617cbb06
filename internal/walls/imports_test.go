package walls

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// module is the first part of our own import paths.
const module = "issuetrail"

// A room is a line of the table in docs/architecture.md.
type room struct {
	ours   []string // rooms it may import, as "model"; "all" = every one
	guests []string // modules of others it may import, by the word of the table below the rooms
	used   bool
}

var (
	roomLine  = regexp.MustCompile("(?m)^\\| `((?:cmd|hooks|internal|bench)[^`]*?)/?` \\|[^|]*\\|([^|]*)\\|([^|]*)\\|")
	guestLine = regexp.MustCompile("(?m)^\\| ([a-z0-9/-]+) \\| (`[^|]*`) \\|")
	code      = regexp.MustCompile("`([^`]+)`")
)

// A document is docs/architecture.md taken apart: rooms by folder, guests by import path.
type document struct {
	rooms  map[string]*room
	guests map[string]string // prefix of an import path → word
}

func readDocument(t *testing.T) document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	d := document{rooms: map[string]*room{}, guests: map[string]string{}}
	for _, m := range roomLine.FindAllStringSubmatch(string(text), -1) {
		d.rooms[m[1]] = &room{ours: words(m[2]), guests: words(m[3])}
	}
	for _, m := range guestLine.FindAllStringSubmatch(string(text), -1) {
		for _, path := range code.FindAllStringSubmatch(m[2], -1) {
			d.guests[path[1]] = m[1]
		}
	}
	if len(d.rooms) < 10 || len(d.guests) < 10 {
		t.Fatalf("docs/architecture.md gives %d rooms and %d guests: the tables were not found", len(d.rooms), len(d.guests))
	}
	return d
}

// words are what a cell of the table lists; "–" is nothing.
func words(cell string) []string {
	var list []string
	for w := range strings.SplitSeq(cell, ",") {
		if w = strings.TrimSpace(w); w != "" && w != "–" {
			list = append(list, w)
		}
	}
	return list
}

// guest is the word of an import path that is neither ours nor the standard library's.
func (d document) guest(path string) string {
	for prefix, word := range d.guests {
		if path == prefix || strings.HasPrefix(path, prefix+"/") {
			return word
		}
	}
	return ""
}

// A listed package is what go list says of one.
type listed struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T, args ...string) []listed {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-json=ImportPath,Imports"}, args...)...)
	cmd.Dir, cmd.Stderr = root, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var list []listed
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
}

// TestWalls holds the table of rooms in docs/architecture.md and the imports together.
// What tests import is free.
func TestWalls(t *testing.T) {
	d := readDocument(t)
	for _, p := range listPackages(t, "./...") {
		folder := strings.TrimPrefix(p.ImportPath, module+"/")
		r := d.rooms[folder]
		if r == nil {
			t.Errorf("%s is no room of docs/architecture.md", folder)
			continue
		}
		r.used = true
		for _, path := range p.Imports {
			if reason := d.forbidden(r, path); reason != "" {
				t.Errorf("%s imports %s: %s", folder, path, reason)
			}
		}
	}
	for folder, r := range d.rooms {
		if !r.used {
			t.Errorf("docs/architecture.md has a room %s that holds no package", folder)
		}
	}
}

// forbidden says why a room may not import path; "" = it may.
func (d document) forbidden(r *room, path string) string {
	if own, ok := strings.CutPrefix(path, module+"/"); ok {
		name := strings.TrimPrefix(own, "internal/")
		if name == "crash" || slices.Contains(r.ours, name) || slices.Contains(r.ours, "all") {
			return ""
		}
		return "its line in docs/architecture.md does not name " + name
	}
	word := d.guest(path)
	switch {
	case word == "" && !strings.Contains(strings.Split(path, "/")[0], "."):
		return "" // the standard library
	case word == "":
		return "docs/architecture.md has no such guest"
	case slices.Contains(r.guests, word):
		return ""
	}
	return "its line in docs/architecture.md does not name the guest " + word
}

// TestWallsFail proves that the walls stand: what breaks them is found.
func TestWallsFail(t *testing.T) {
	d := readDocument(t)
	for folder, path := range map[string]string{
		"internal/model":   "issuetrail/internal/store",
		"internal/webhook": "issuetrail/internal/sync",
		"internal/sync":    "database/sql",
		"internal/api":     "github.com/go-git/go-git/v5/plumbing",
		"internal/hosts":   "go.uber.org/zap",
		"internal/store":   "example.com/new/module",
	} {
		if d.forbidden(d.rooms[folder], path) == "" {
			t.Errorf("%s may import %s", folder, path)
		}
	}
}
