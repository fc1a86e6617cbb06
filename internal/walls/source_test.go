package walls

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// root is the top of the source tree, seen from this folder.
const root = "../.."

// A goFile is a parsed file of the product, a test or a test support room.
type goFile struct {
	path string // from the root: "internal/model/hash.go"
	set  *token.FileSet
	tree *ast.File
}

func (f goFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// support says whether the file belongs to a room that only tests and the bench use.
func (f goFile) support() bool { return strings.HasPrefix(f.path, "internal/test") }

// line is where a node stands, "path:line".
func (f goFile) line(n ast.Node) string {
	p := f.set.Position(n.Pos())
	return f.path + ":" + itoa(p.Line)
}

// imports says whether the file imports path.
func (f goFile) imports(path string) bool {
	for _, spec := range f.tree.Imports {
		if strings.Trim(spec.Path.Value, `"`) == path {
			return true
		}
	}
	return false
}

// parsed is what goFiles found: each test asks for it.
var parsed []goFile

// goFiles parses every Go file of the module.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	if parsed != nil {
		return parsed
	}
	var files []goFile
	for _, path := range sourceFiles(t, ".go") {
		f := goFile{path: path, set: token.NewFileSet()}
		tree, err := parser.ParseFile(f.set, filepath.Join(root, path), nil, parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		f.tree = tree
		files = append(files, f)
	}
	if len(files) < 50 {
		t.Fatalf("found %d Go files: this test looks in the wrong place", len(files))
	}
	parsed = files
	return files
}

// sourceFiles lists the files of the tree whose name ends in one of the suffixes, without what was
// built. Hidden folders are left out, .ci excepted.
func sourceFiles(t *testing.T, suffixes ...string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path, _ = filepath.Rel(root, path)
		name := d.Name()
		if d.IsDir() && path != "." && (path == "bin" || path == "data" || name == "testdata" || name[0] == '.' && name != ".ci") {
			return filepath.SkipDir
		}
		for _, s := range suffixes {
			if d.Type().IsRegular() && strings.HasSuffix(name, s) {
				files = append(files, filepath.ToSlash(path))
				break
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
