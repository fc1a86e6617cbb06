package walls

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	mdLink = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	// A path of this tree in backticks: its first folder is one of ours.
	mdPath = regexp.MustCompile("`((?:cmd|hooks|internal|docs|systemd|packaging|tools|bench|\\.ci)/[A-Za-z0-9_./-]*)`")
	fence  = regexp.MustCompile("(?s)```.*?```")
	// Where a person or a machine happened to work is nobody else's business.
	machinePath = regexp.MustCompile(`(^|[\s"'=(\x60])/(work(space)?|root|Users)/|GOPROXY=|GONOSUMDB=|GOFLAGS=`)
)

// TestDocumentsPointSomewhere: each relative link and each path in a document exists.
func TestDocumentsPointSomewhere(t *testing.T) {
	for _, path := range sourceFiles(t, ".md") {
		text := readText(t, path)
		for _, m := range mdLink.FindAllStringSubmatch(fence.ReplaceAllString(text, ""), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, ":") {
				continue
			}
			if !exists(filepath.Join(filepath.Dir(path), target)) {
				t.Errorf("%s links to %s, which does not exist", path, m[1])
			}
		}
		for _, m := range mdPath.FindAllStringSubmatch(text, -1) {
			if !exists(m[1]) {
				t.Errorf("%s names %s, which does not exist", path, m[1])
			}
		}
	}
}

// TestFiguresHaveCommands: each line of the table of figures in docs/performance.md
// names the command that measures it.
func TestFiguresHaveCommands(t *testing.T) {
	const path = "docs/performance.md"
	figures, column := 0, -1
	for line := range strings.Lines(readText(t, path)) {
		cells := strings.Split(line, "|")
		if len(cells) < 3 {
			column = -1 // the table has ended
			continue
		}
		if i := slices.IndexFunc(cells, func(c string) bool { return strings.TrimSpace(c) == "command" }); i >= 0 {
			column = i
			continue
		}
		if column < 0 || strings.Trim(line, "|- \n") == "" {
			continue
		}
		figures++
		if column >= len(cells) || !strings.Contains(cells[column], "`") {
			t.Errorf("%s: no command in %q", path, strings.TrimSpace(line))
		}
	}
	if figures < 10 {
		t.Errorf("%s has %d figures: its table was not found", path, figures)
	}
}

// TestNoMachinePaths fails on paths and settings of the machine that a file was
// written on.
func TestNoMachinePaths(t *testing.T) {
	for _, path := range sourceFiles(t, "") {
		if path == "internal/walls/docs_test.go" {
			continue
		}
		for i, line := range strings.Split(readText(t, path), "\n") {
			if machinePath.MatchString(line) {
				t.Errorf("%s:%d: %s", path, i+1, strings.TrimSpace(line))
			}
		}
	}
}

// TestMetricsAreDocumented holds the table of docs/operations.md and the metrics together.
func TestMetricsAreDocumented(t *testing.T) {
	made := map[string]bool{}
	for _, m := range regexp.MustCompile(`= desc\("([a-z_]+)"`).FindAllStringSubmatch(readText(t, "cmd/daemon/metrics.go"), -1) {
		made["issuetrail_"+m[1]] = true
	}
	if len(made) == 0 {
		t.Fatal("cmd/daemon/metrics.go has no metrics: this test looks in the wrong place")
	}
	for _, m := range regexp.MustCompile("(?m)^\\| `(issuetrail_[a-z_]+)` \\|").FindAllStringSubmatch(readText(t, "docs/operations.md"), -1) {
		if !made[m[1]] {
			t.Errorf("docs/operations.md has %s, which is no metric", m[1])
		}
		delete(made, m[1])
	}
	for name := range made {
		t.Errorf("docs/operations.md lacks %s", name)
	}
}

// TestUnitIsDocumented: what the documents say of the unit's limits is what it says.
func TestUnitIsDocumented(t *testing.T) {
	unit := readText(t, "systemd/issuetrail.service")
	for _, m := range regexp.MustCompile("`([A-Z][A-Za-z]+=[^`\\s]+)`").FindAllStringSubmatch(readText(t, "docs/security.md"), -1) {
		if !strings.Contains(unit, "\n"+m[1]+"\n") {
			t.Errorf("docs/security.md names %s, which the unit does not say", m[1])
		}
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exists(path string) bool {
	_, err := os.Stat(filepath.Join(root, path))
	return err == nil
}
