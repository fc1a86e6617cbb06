package walls

import (
	"go/ast"
	"go/token"
	"strconv"
	"strings"
	"testing"

	"issuetrail/internal/hosts"
)

func itoa(n int) string { return strconv.Itoa(n) }

// TestKindsStayInHosts fails on the word of a host's kind in code outside
// internal/hosts: a special case for one host belongs there.
func TestKindsStayInHosts(t *testing.T) {
	kinds := map[string]bool{}
	for _, kind := range hosts.Kinds() {
		kinds[kind] = kind != "git" // git is a program too
	}
	for _, f := range goFiles(t) {
		if f.test() || f.support() || strings.HasPrefix(f.path, "internal/hosts/") {
			continue
		}
		ast.Inspect(f.tree, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if ok && lit.Kind == token.STRING {
				if s, err := strconv.Unquote(lit.Value); err == nil && kinds[s] {
					t.Errorf("%s: %s is known to internal/hosts alone", f.line(n), lit.Value)
				}
			}
			return true
		})
	}
}

// TestNoSleepNoSkip: a test that sleeps is slow or wrong on a slow machine; a
// skipped one says nothing. In a synctest bubble a sleep takes no time.
func TestNoSleepNoSkip(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.test() && !f.support() {
			continue
		}
		bubble := f.imports("testing/synctest")
		ast.Inspect(f.tree, func(n ast.Node) bool {
			switch name := calls(n); name {
			case "time.Sleep":
				if !bubble {
					t.Errorf("%s sleeps: wait for what should happen", f.line(n))
				}
			case "t.Skip", "t.Skipf", "t.SkipNow", "b.Skip", "b.Skipf", "b.SkipNow", "f.Skip", "tb.Skip", "tb.Skipf", "tb.SkipNow":
				t.Errorf("%s skips a test: make test-deps installs what tests need", f.line(n))
			}
			return true
		})
	}
}

// calls gives "x.Name" for a call of that form, else "".
func calls(n ast.Node) string {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return ""
	}
	if sel, ok := call.Fun.(*ast.SelectorExpr); ok {
		if on, ok := sel.X.(*ast.Ident); ok {
			return on.Name + "." + sel.Sel.Name
		}
	}
	return ""
}

// TestNoInit: what a program does at start is read from its main, and a registry is a
// list. The package testing stays out of the program; the bench, which is none, may use it.
func TestNoInit(t *testing.T) {
	for _, f := range goFiles(t) {
		if !f.test() && !f.support() && !strings.HasPrefix(f.path, "bench/") && f.imports("testing") {
			t.Errorf("%s imports testing", f.path)
		}
		for _, decl := range f.tree.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				t.Errorf("%s: init()", f.line(fn))
			}
		}
	}
}

// TestNames fails on type names that say nothing.
func TestNames(t *testing.T) {
	for _, f := range goFiles(t) {
		ast.Inspect(f.tree, func(n ast.Node) bool {
			spec, ok := n.(*ast.TypeSpec)
			if !ok {
				return true
			}
			for _, word := range []string{"Manager", "Processor", "Helper", "Util", "Utils", "Service"} {
				if strings.HasSuffix(strings.ToLower(spec.Name.Name), strings.ToLower(word)) {
					t.Errorf("%s: a type named %s; say what it does", f.line(n), spec.Name.Name)
				}
			}
			return true
		})
	}
}
