package walls

import (
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"issuetrail/internal/hosts"
)

// hostColumns are the columns of the table "What holds it" in docs/hosts.md.
var hostColumns = []string{"host", "SSH URL forms", "webhook", "signature", "several refs", "delete", "rename", "pull request", "links", "key guide"}

// A testFunc is a test that the code has.
type testFunc struct {
	literals map[string]bool // strings in its file: among them are the names of its subtests
}

var (
	namedTest = regexp.MustCompile("`(Test[^`]*)`")
	notTried  = regexp.MustCompile(`^–( \(.*\))?$|not tried`)
)

// tests finds the test functions of the module.
func tests(t *testing.T) map[string][]testFunc {
	t.Helper()
	found := map[string][]testFunc{}
	for _, f := range goFiles(t) {
		if !f.test() {
			continue
		}
		of := testFunc{literals: map[string]bool{}}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil {
					of.literals[s] = true
				}
			}
			return true
		})
		for _, decl := range f.tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && strings.HasPrefix(fn.Name.Name, "Test") {
				found[fn.Name.Name] = append(found[fn.Name.Name], of)
			}
		}
	}
	return found
}

// recordedTests run once for each recorded delivery, under its name.
var recordedTests = []string{"TestParseRecorded", "TestVerifyRecorded", "TestRecordedDeliveries"}

// missing says what is wrong with "TestName" or "TestName/sub"; "" = it exists.
func missing(all map[string][]testFunc, name string) string {
	test, sub, has := strings.Cut(name, "/")
	switch {
	case len(all[test]) == 0:
		return "no test of this name"
	case !has:
		return ""
	case slices.Contains(recordedTests, test):
		if !exists("internal/hosts/testdata/" + sub + ".http") {
			return "no recorded delivery " + sub
		}
		return ""
	}
	if !slices.ContainsFunc(all[test], func(f testFunc) bool { return f.literals[sub] }) {
		return "the file of this test does not hold " + strconv.Quote(sub)
	}
	return ""
}

// hostTable gives the rows of the table by kind, each with its cells.
func hostTable(t *testing.T) map[string][]string {
	t.Helper()
	const path = "docs/hosts.md"
	head := "| " + strings.Join(hostColumns, " | ") + " |\n"
	_, text, found := strings.Cut(readText(t, path), head)
	if !found {
		t.Fatalf("%s has no table %q", path, head)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		if len(cells) != len(hostColumns) {
			t.Errorf("%s: a row of %d cells, want %d: %.60s", path, len(cells), len(hostColumns), line)
			continue
		}
		if kind := strings.Trim(cells[0], " `"); !strings.HasPrefix(kind, "-") {
			rows[kind] = cells
		}
	}
	return rows
}

// TestHostsTable: each cell of the table of hosts names a test that exists, or says that there is none.
func TestHostsTable(t *testing.T) {
	all, rows := tests(t), hostTable(t)
	for _, kind := range hosts.Kinds() {
		if rows[kind] == nil {
			t.Errorf("docs/hosts.md: the table has no row for %s", kind)
		}
	}
	for kind, cells := range rows {
		if !slices.Contains(hosts.Kinds(), kind) {
			t.Errorf("docs/hosts.md: %s is no kind of host", kind)
		}
		for i, cell := range cells[1:] {
			names := namedTest.FindAllStringSubmatch(cell, -1)
			if len(names) == 0 && !notTried.MatchString(strings.TrimSpace(cell)) {
				t.Errorf("docs/hosts.md: %s, %s: the cell names no test: %s", kind, hostColumns[i+1], cell)
			}
			for _, m := range names {
				if why := missing(all, m[1]); why != "" {
					t.Errorf("docs/hosts.md: %s, %s: %s: %s", kind, hostColumns[i+1], m[1], why)
				}
			}
		}
	}
}

// TestHostsTableFails proves that the table's names are looked at.
func TestHostsTableFails(t *testing.T) {
	all := tests(t)
	for name, bad := range map[string]bool{
		"TestHostsTable": false, "TestParseRecorded/github/push": false, "TestPullRequests/github": false,
		"TestNobodyWroteThis": true, "TestParseRecorded/github/nobody-sent-this": true, "TestPullRequests/nobody": true,
	} {
		if why := missing(all, name); (why != "") != bad {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// TestHostsAreDocumented: each kind has a section, an entry in the sample config, and recorded deliveries.
func TestHostsAreDocumented(t *testing.T) {
	page, sample := readText(t, "docs/hosts.md"), readText(t, "config.example.yaml")
	for _, kind := range hosts.Kinds() {
		if !strings.Contains(page, "<!-- guide: "+kind+" -->") || !regexp.MustCompile(`(?m)^hosts:\n(.*\n)*?.*kind: `+kind+`[,\n]`).MatchString(page) {
			t.Errorf("docs/hosts.md has no section with the entry and the guide of %s", kind)
		}
		if !regexp.MustCompile(`(?m)^[ #]*kind: ` + kind + `( |$)`).MatchString(sample) {
			t.Errorf("config.example.yaml has no entry of kind %s", kind)
		}
		if !exists("internal/hosts/testdata/" + kind) {
			t.Errorf("%s has no recorded deliveries", kind)
		}
	}
}
