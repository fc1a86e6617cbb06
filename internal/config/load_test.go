package config

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

var kinds = hosts.Kinds()

// testChecks are stand-ins for what other rooms know.
func testChecks(env map[string]string) Checks {
	return Checks{
		Kinds: kinds, Streams: []string{"gerrit"}, Web: hosts.DefaultWeb, Template: model.CheckTemplate,
		Schedule: func(s string) error {
			if strings.HasPrefix(s, "bad") {
				return errors.New("not a cron spec")
			}
			return nil
		},
		URL: func(s string) error {
			if !strings.Contains(s, "@") {
				return errors.New("neither ssh://user@host/path nor user@host:path")
			}
			return nil
		},
		Key:    func(s string) string { return strings.TrimSuffix(s, ".git") },
		Lookup: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
	}
}

// read parses a text as the file config.yaml of an empty folder.
func read(t *testing.T, text string, env map[string]string) (*Config, string) {
	t.Helper()
	cfg, err := parse("config.yaml", t.TempDir(), []byte(text), testChecks(env))
	if err == nil {
		return cfg, ""
	}
	if _, ok := errors.AsType[*Error](err); !ok {
		t.Fatalf("%v is no *Error", err)
	}
	return cfg, err.Error()
}

func writeFile(t *testing.T, path, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
}

func TestEmptyFileIsDefaults(t *testing.T) {
	for _, text := range []string{"", "\n", "# only a comment\n", "---\n", "{}", "~", "sync:\njira:\n", "\ufeff# BOM\n"} {
		cfg, problems := read(t, text, nil)
		if problems != "" {
			t.Fatalf("%q: %s", text, problems)
		}
		want := Defaults()
		want.Server.ControlSocket = "/var/lib/issuetrail/control.sock"
		if diff := cmp.Diff(want, cfg); diff != "" {
			t.Errorf("%q: %s", text, diff)
		}
	}
}

func TestFiveLines(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yaml")
	writeFile(t, file, "data_dir: data\nissues:\n  projects: [APP]\nrepositories:\n  - url: git@github.com:acme/app.git\n", 0o644)
	cfg, err := Load(file, testChecks(nil))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.DataDir != filepath.Join(dir, "data") || cfg.Server.ControlSocket != filepath.Join(dir, "data/control.sock") {
		t.Errorf("paths %s, %s do not start at the file's folder", cfg.DataDir, cfg.Server.ControlSocket)
	}
	if len(cfg.Repositories) != 1 || cfg.Repositories[0].URL != "git@github.com:acme/app.git" {
		t.Errorf("repositories %+v", cfg.Repositories)
	}
}

// The sample is the reference: it must parse, and hold every key.
func TestSample(t *testing.T) {
	creds := t.TempDir()
	for _, name := range []string{"jira-secret", "jira-pat", "github"} {
		writeFile(t, filepath.Join(creds, name), "s3cret\n", 0o600)
	}
	cfg, err := Load("../../config.example.yaml", testChecks(map[string]string{"CREDENTIALS_DIRECTORY": creds}))
	if err != nil {
		t.Fatal(err)
	}
	want := Defaults()
	want.Server.ControlSocket = "/var/lib/issuetrail/control.sock"
	want.Server.PublicURL = "https://trail.example.com"
	want.Issues.Projects = []string{"APP", "OPS"}
	want.Issues.Aliases = map[string]string{"OLD": "NEW"}
	want.Jira = []Jira{
		{
			Name: "cloud", Kind: "cloud", Site: "https://acme.atlassian.net", ClientID: "abc", ClientSecretFile: creds + "/jira-secret",
			APIURL: cloudAPI, TokenURL: cloudToken, SmartCommits: "off",
		},
		{Name: "dc", Kind: "datacenter", Site: "https://jira.internal", TokenFile: creds + "/jira-pat", SmartCommits: "off"},
	}
	want.Hosts = []Host{{
		Name: "github", Kind: "github", WebURL: "https://github.com", SSHHost: "github.com",
		WebhookSecretFile: creds + "/github", TLSVerify: true,
	}}
	want.Repositories = []Repository{{
		URL: "git@github.com:acme/app.git", Host: "github", Schedule: "*/5 * * * *", Mirror: "commits", Projects: []string{"APP"},
	}}
	if diff := cmp.Diff(want, cfg, cmpopts.EquateEmpty(), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
}

func TestExpansion(t *testing.T) {
	env := map[string]string{"N": "3", "DIR": "/srv/x", "ODD": "${N}", "T": "30s"}
	cfg, problems := read(t, "data_dir: ${DIR}/$${N}${N}\nsync:\n  workers: ${N}\n  timeout: ${T}\n  refs: {include: [\"x/${ODD}\"]}\n", env)
	if problems != "" {
		t.Fatal(problems)
	}
	if cfg.DataDir != "/srv/x/${N}3" || cfg.Sync.Workers != 3 || cfg.Sync.Timeout != 30*time.Second {
		t.Errorf("%s, %d, %s", cfg.DataDir, cfg.Sync.Workers, cfg.Sync.Timeout)
	}
	if got := cfg.Sync.Refs.Include[0]; got != "x/${N}" {
		t.Errorf("%s: what came from the environment was expanded again", got)
	}
	_, problems = read(t, "sync: {workers: \"${N}\"}\n", env)
	if !strings.Contains(problems, "is text; want a whole number") {
		t.Errorf("a quoted variable: %q", problems)
	}
	_, problems = read(t, "database: {url: \"${S}\"}\nserver: {listen: \"${S}\"}\n", map[string]string{"S": "hunter2"})
	if strings.Count(problems, "\n") != 1 {
		t.Errorf("want two problems: %s", problems)
	}
}

func TestAccepted(t *testing.T) {
	cfg, problems := read(t, `server: {listen: ":0", webhook_listen: "[::1]:0", public_url: "http://x:8080/trail/", trusted_proxies: ["::1", 10.0.0.0/8]}
issues: {projects: &p [A, MY_P2], aliases: {A1: B1, B1: C1}}
hosts:
  - {name: H, kind: gitlab, ssh_host: Git.Example.COM}
  - {name: p, kind: gitea, ssh_host: "Git.example.com:2222", web_url: "https://git.example.com/x/"}
  - {name: six, kind: git, ssh_host: "[::1]:22"}
  - {name: bare, kind: git, ssh_host: "fe80::22"}
  - {name: g, kind: gerrit, stream_events: "ssh://bot@gerrit.example.com:29418/"}
  - {name: hub, kind: github, links: {commit: "{web}/{repo}/commit/{hash}", repo: "https://x/{project}/{name:all}"}}
repositories:
  - {url: git@x:a, host: H, schedule: "", mirror: "", projects: [A1]}
  - {url: git@x:b, host: git, projects: *p}
`, map[string]string{"RUNTIME_DIRECTORY": "/run/issuetrail:/run/other"})
	if problems != "" {
		t.Fatal(problems)
	}
	if cfg.Server.PublicURL != "http://x:8080/trail" || cfg.Server.ControlSocket != "/run/issuetrail/control.sock" {
		t.Errorf("%+v", cfg.Server)
	}
	if g := cfg.Hosts[4].StreamEvents; cfg.Hosts[1].SSHHost != "git.example.com:2222" || cfg.Hosts[1].WebURL != "https://git.example.com/x" || g != "ssh://bot@gerrit.example.com:29418" {
		t.Errorf("%+v", cfg.Hosts)
	}
	if got := fmt.Sprint(cfg.Server.TrustedProxies, cfg.Issues.Aliases, cfg.Hosts[0].SSHHost, cfg.Repositories[1].Projects); got !=
		"[::1/128 10.0.0.0/8] map[A1:C1 B1:C1]git.example.com[A MY_P2]" {
		t.Error(got)
	}
}

func TestAliasesCannotMultiply(t *testing.T) {
	text := "sync: {refs: {include: &a [" + strings.Repeat("x,", 2000) + "x]}}\nhosts:\n"
	for i := range 300 {
		text += fmt.Sprintf("  - {name: h%d, kind: git, api_token_file: f, discover: *a}\n", i)
	}
	if _, got := read(t, text, nil); !strings.Contains(got, "more than 200000 values") {
		t.Errorf("%.300s", got)
	}
}

func TestMissingFile(t *testing.T) {
	_, err := Load("/nonexistent/config.yaml", Checks{})
	if err == nil || err.Error() != "/nonexistent/config.yaml: no such file or directory" {
		t.Error(err)
	}
	if _, err := Load(t.TempDir(), Checks{}); err == nil {
		t.Error("a folder was read")
	}
}

func FuzzLoad(f *testing.F) {
	sample, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, s := range []string{string(sample), "a: &a [*a]", "sync: {workers: ${N}}", "? [a]\n: b", "<<: {}", "hosts: [~, 1, {}]", "repositories:\n- url: git@x:y\n", "issues: {aliases: {A: B, B: A}}"} {
		f.Add(s)
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parse("c.yaml", dir, []byte(text), testChecks(map[string]string{"N": "1"}))
		if (cfg == nil) == (err == nil) {
			t.Fatalf("%v, %v", cfg, err)
		}
		if e, ok := errors.AsType[*Error](err); err != nil && (!ok || len(e.Problems) == 0) {
			t.Fatalf("%v is no list of problems", err)
		}
	})
}
