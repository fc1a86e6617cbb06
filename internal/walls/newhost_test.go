package walls

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// exampleBlock is a block of CONTRIBUTING.md that stands for a file, or for lines to put into one
// before the first line that holds some text.
var exampleBlock = regexp.MustCompile("(?m)^<!-- example: (\\S+?)(?: before (.+))? -->\n(?:````[a-z]*\n((?s:.*?\n))````|```[a-z]*\n((?s:.*?\n))```)$")

// TestAddingAHost follows CONTRIBUTING.md: the example touches one Go file, the list of hosts, testdata,
// the sample config and docs/hosts.md, and the tests then hold for the new host as for any other.
func TestAddingAHost(t *testing.T) {
	dir := t.TempDir()
	copyTree(t, dir)
	var touched []string
	for _, m := range exampleBlock.FindAllStringSubmatch(readText(t, "CONTRIBUTING.md"), -1) {
		path, before, text := m[1], m[2], m[3]+m[4]
		if before != "" {
			text = insertBefore(t, filepath.Join(dir, path), before, text)
		}
		writeFile(t, filepath.Join(dir, path), text)
		touched = append(touched, path)
	}
	slices.Sort(touched)
	want := []string{
		"config.example.yaml", "docs/hosts.md", "internal/hosts/forge.go", "internal/hosts/host.go",
		"internal/hosts/testdata/forge/bad-truncated.http", "internal/hosts/testdata/forge/ping.http",
		"internal/hosts/testdata/forge/proof", "internal/hosts/testdata/forge/push.http",
	}
	if got := slices.Compact(touched); !slices.Equal(got, want) {
		t.Fatalf("the example touches %v, want %v", got, want)
	}
	goTest(t, dir, "./internal/hosts", "-run", "TestParseRecorded/forge|TestGuidesAreOnThePage", "-update")
	read, err := os.ReadFile(filepath.Join(dir, "internal/hosts/testdata/forge/push.want"))
	if err != nil || !strings.Contains(string(read), `"RepoName": "acme/app"`) || !strings.Contains(string(read), `"refs/heads/main"`) {
		t.Errorf("the example's Parse reads its push as %s, %v", read, err)
	}
	goTest(t, dir, "./internal/hosts", "-run", "TestKinds|TestEveryHostIsRecorded|TestParseRecorded/forge|TestVerifyRecorded/forge|TestAnotherHostsDelivery|TestGuides|TestHeadersAlone|FuzzParse$")
	goTest(t, dir, "./internal/walls", "-run", "TestHosts|TestKindsStayInHosts|TestDocComments|TestFileSizes")
	goTest(t, dir, "./internal/config", "-run", "TestSample|TestAllProblemsAtOnce")
}

// copyTree copies the tree without what is hidden or was built.
func copyTree(t *testing.T, to string) {
	t.Helper()
	for _, top := range []string{
		"go.mod", "go.sum", "CONTRIBUTING.md", "README.md", "config.example.yaml", "config.schema.json",
		"bench", "cmd", "docs", "hooks", "internal", "systemd", "tools",
	} {
		from := filepath.Join(root, top)
		if s, err := os.Stat(from); err == nil && s.IsDir() {
			err = os.CopyFS(filepath.Join(to, top), os.DirFS(from))
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		writeFile(t, filepath.Join(to, top), readText(t, top))
	}
}

// insertBefore gives the file's text with lines before the first one that holds a text.
func insertBefore(t *testing.T, path, before, lines string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(string(text), before)
	if at < 0 {
		t.Fatalf("%s has no line with %q", path, before)
	}
	at = strings.LastIndexByte(string(text[:at]), '\n') + 1
	return string(text[:at]) + lines + string(text[at:])
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	err := os.MkdirAll(filepath.Dir(path), 0o755)
	if err == nil {
		err = os.WriteFile(path, []byte(text), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// goTest runs tests of the copy. They must pass.
func goTest(t *testing.T, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command("go", append([]string{"test", "-vet=off", "-count=1"}, args...)...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("go test %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}
