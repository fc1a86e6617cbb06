package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"issuetrail/internal/hosts"
)

// The JSON schema knows the same kinds of hosts as the room that has them.
func TestSchemaKnowsTheKinds(t *testing.T) {
	text, err := os.ReadFile("../../config.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	var schema struct {
		Defs struct {
			Host struct {
				Properties struct {
					Kind struct{ Enum []string }
				}
			}
		} `json:"$defs"`
	}
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hosts.Kinds(), schema.Defs.Host.Properties.Kind.Enum); diff != "" {
		t.Error(diff)
	}
}

// The sample loads with the checks that serve runs, once the secrets that it names are
// there.
func TestSampleLoads(t *testing.T) {
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	for _, m := range regexp.MustCompile(`\$\{CREDENTIALS_DIRECTORY\}/([a-z-]+)`).FindAllSubmatch(text, -1) {
		if err := os.WriteFile(filepath.Join(dir, string(m[1])), []byte(secretText+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := loadConfig("../../config.example.yaml"); err != nil {
		t.Error(err)
	}
}

// Where the config is looked for.
func TestConfigPath(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("ISSUETRAIL_CONFIG", "")
	path := func(args ...string) string {
		c := checkCommand()
		if err := c.ParseFlags(args); err != nil {
			t.Fatal(err)
		}
		return configPath(c)
	}
	if got := path(); got != "" && got != packagedConfig {
		t.Errorf("without any: %q", got)
	}
	if err := os.WriteFile("config.yaml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := path(); got != "config.yaml" {
		t.Errorf("in the folder: %q", got)
	}
	t.Setenv("ISSUETRAIL_CONFIG", "env.yaml")
	if got := path(); got != "env.yaml" {
		t.Errorf("of the environment: %q", got)
	}
	if got := path("--config", "flag.yaml"); got != "flag.yaml" {
		t.Errorf("of the flag: %q", got)
	}
}
