package walls

import (
	"go/ast"
	"strings"
	"testing"
)

// The lines a Go file of the program may have without a reason, and any Go file at all.
const (
	longFile = 300
	maxFile  = 400
)

// longFiles are the files of the program above longFile lines, each with its reason.
var longFiles = map[string]string{}

// TestFileSizes keeps files short enough to be read at one sitting.
func TestFileSizes(t *testing.T) {
	for _, path := range sourceFiles(t, ".go") {
		lines := strings.Count(readText(t, path), "\n")
		test := strings.HasSuffix(path, "_test.go")
		switch reason := longFiles[path]; {
		case lines > maxFile:
			t.Errorf("%s has %d lines, at most %d", path, lines, maxFile)
		case lines > longFile && reason == "" && !test:
			t.Errorf("%s has %d lines: split it, or name the reason in longFiles", path, lines)
		case lines <= longFile && reason != "":
			t.Errorf("%s has only %d lines: take it out of longFiles", path, lines)
		}
	}
}

// TestDocComments fails on an exported name that has no doc comment.
func TestDocComments(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test() {
			continue
		}
		for _, decl := range f.tree.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Doc == nil && d.Name.IsExported() && exportedReceiver(d) {
					t.Errorf("%s: %s has no doc comment", f.line(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if name := undocumented(d, spec); name != "" {
						t.Errorf("%s: %s has no doc comment", f.line(spec), name)
					}
				}
			}
		}
	}
}

// exportedReceiver says whether a function is none's method or that of an exported type.
func exportedReceiver(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	exported := false
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && id.IsExported() {
			exported = true
		}
		return true
	})
	return exported
}

// undocumented is the exported name that a declaration leaves without comment. The
// comment of a group of constants or variables is enough for all of them.
func undocumented(d *ast.GenDecl, spec ast.Spec) string {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && s.Doc == nil && (d.Doc == nil || len(d.Specs) > 1) {
			return s.Name.Name
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
				return name.Name
			}
		}
	}
	return ""
}
