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
