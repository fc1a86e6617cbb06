package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// commentedLine is a line of a stanza that is commented out.
var commentedLine = regexp.MustCompile(`(?m)^# (  .*)$`)

// wholeSample writes the sample with its commented entries of hosts taken in.
func wholeSample(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	before, after, ok := strings.Cut(string(text), "\nhosts:")
	if !ok {
		t.Fatal("the sample has no hosts")
	}
	file := filepath.Join(t.TempDir(), "config.yaml")
	writeFile(t, file, before+"\nhosts:"+commentedLine.ReplaceAllString(after, "$1"), 0o600)
	return file
}

// Each kind has its entry in the sample, and all of them together are a valid config.
func TestSampleHasEveryKind(t *testing.T) {
	creds := t.TempDir()
	file := wholeSample(t)
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`\$\{CREDENTIALS_DIRECTORY\}/([a-z-]+)`).FindAllStringSubmatch(string(text), -1) {
		writeFile(t, filepath.Join(creds, m[1]), "s3cret\n", 0o600)
	}
	cfg, err := Load(file, testChecks(map[string]string{"CREDENTIALS_DIRECTORY": creds}))
	if err != nil {
		t.Fatal(err)
	}
	entries := map[string]Host{}
	for _, h := range cfg.Hosts {
		entries[h.Kind] = h
	}
	for _, kind := range kinds {
		if h, ok := entries[kind]; !ok || h.WebhookSecretFile == "" {
			t.Errorf("the sample has no entry of kind %s with a secret", kind)
		}
	}
	if len(cfg.Hosts) != len(kinds) {
		t.Errorf("%d entries for %d kinds", len(cfg.Hosts), len(kinds))
	}
	if !entries["gitblit"].AllowSHA1 || entries["gerrit"].StreamEvents == "" || entries["gitolite"].Links.Compare == "" || entries["git"].Links.File == "" {
		t.Errorf("%+v", entries)
	}
}

// The templates of the sample are those of docs/hosts.md, which run against the real gitweb and cgit.
func TestSampleHasTheDocumentedTemplates(t *testing.T) {
	docs, err := os.ReadFile("../../docs/hosts.md")
	if err != nil {
		t.Fatal(err)
	}
	sample, err := os.ReadFile(wholeSample(t))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)<!-- links: (gitweb|cgit) -->\\s*```yaml\n(.*?)```").FindAllSubmatch(docs, -1)
	if len(blocks) != 2 {
		t.Fatalf("%d blocks of templates in docs/hosts.md", len(blocks))
	}
	for _, b := range blocks {
		lines := regexp.MustCompile(`(?m)^ +[a-z_]+: "\{web\}.*$`).FindAll(b[2], -1)
		if len(lines) < 5 {
			t.Errorf("%s: %d templates", b[1], len(lines))
		}
		for _, line := range lines {
			if !strings.Contains(string(sample), "\n"+string(line)+"\n") {
				t.Errorf("the sample lacks that of %s: %s", b[1], line)
			}
		}
	}
}
