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
)

// kinds are the words of hosts[].kind, as internal/hosts lists them.
var kinds = []string{
	"github", "gitlab", "bitbucket", "bitbucket-server", "azure-devops", "gerrit", "gitblit",
	"gitolite", "beanstalk", "gitea", "git",
}

// testChecks are stand-ins for what other rooms know.
func testChecks(env map[string]string) Checks {
	return Checks{
		Kinds: kinds,
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

func TestAllProblemsAtOnce(t *testing.T) {
	_, got := read(t, `data_dri: /x
server:
  listen: 8080
  trusted_proxies: [10.0.0.0/8, 10.0.0.1/8, ten]
sync:
  mirror: ful
  timeout: 0s
  workers: many
  workers: 3
hosts:
  - name: gh
    kind: githib
repositories:
  - url: https://x/y
    host: hg
  - schedule: bad
`, nil)
	want := `config.yaml:1:1: data_dri: there is no such key; did you mean data_dir?
config.yaml:3:11: server.listen: is a number; want text (put it in quotes)
config.yaml:4:33: server.trusted_proxies[1]: "10.0.0.1/8" has bits behind its mask; did you mean 10.0.0.0/8?
config.yaml:4:45: server.trusted_proxies[2]: "ten" is not a network; want a CIDR such as 10.0.0.0/8 or fd00::/8
config.yaml:6:11: sync.mirror: "ful" is not one of full, commits; did you mean full?
config.yaml:7:12: sync.timeout: "0s" is not longer than nothing
config.yaml:8:12: sync.workers: is text; want a whole number
config.yaml:9:3: sync.workers: stands twice, first in line 8
config.yaml:12:11: hosts[0].kind: "githib" is not one of github, gitlab, bitbucket, bitbucket-server, azure-devops, gerrit, gitblit, gitolite, beanstalk, gitea, git; did you mean github?
config.yaml:14:10: repositories[0].url: neither ssh://user@host/path nor user@host:path
config.yaml:15:11: repositories[0].host: "hg" is the name of no entry of hosts; did you mean gh?
config.yaml:16:5: repositories[1].url: is required
config.yaml:16:15: repositories[1].schedule: not a cron spec`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

func TestProblems(t *testing.T) {
	long := "/" + strings.Repeat("d", 120)
	for _, c := range []struct{ name, text, want string }{
		{"syntax", "a: b: c\n", "config.yaml:1:5: not YAML: mapping values are not allowed in this context"},
		{"tab", "sync:\n\tworkers: 1\n", "config.yaml:2:1: not YAML: "},
		{"second document", "sync: {}\n---\nsync: {}\n", "config.yaml:2:1: a second document begins here"},
		{"not a mapping", "- a\n", "config.yaml:1:1: is a list; want keys and values"},
		{"unknown anchor", "sync: *a\n", "not YAML: unknown anchor"},
		{"merge key", "sync: &s {workers: 2}\nissues:\n  <<: *s\n", "3:3: issues: merge keys"},
		{"number as key", "1: 2\n", "1:1: a key is a number; want text"},
		{"key of elsewhere", "listen: \":80\"\n", "listen: there is no such key here; did you mean server.listen?"},
		{"part of a key", "hosts:\n  - {name: a, kind: git, webhook_secret: x}\n", "did you mean webhook_secret_file?"},
		{"unknown key", "sync: {zzzzzz: 1}\n", "there is no such key; there are allow_addresses, mirror, per_host"},
		{"escape in key", "\"a\\e[31m\\nb\": 1\n", `"a\x1b[31m\nb": there is no such key`},
		{"list for text", "data_dir: [a]\n", "data_dir: is a list; want text"},
		{"text for list", "issues: {projects: APP}\n", "issues.projects: is text; want a list"},
		{"number for text", "issues: {projects: [7]}\n", "issues.projects[0]: is a number; want text (put it in quotes)"},
		{"bool", "hosts: [{name: a, kind: git, allow_sha1: maybe}]\n", "hosts[0].allow_sha1: is text; want true or false"},
		{"duration without unit", "sync: {timeout: 15}\n", "sync.timeout: is a number; want a duration"},
		{"duration", "sync: {timeout: 15 minutes}\n", `"15 minutes" is not a duration`},
		{"negative duration", "sync: {timeout: -5m}\n", "is not longer than nothing"},
		{"too many workers", "sync: {workers: 100000}\n", `sync.workers: is "100000"; want 1 to 1000`},
		{"no workers", "sync: {workers: 0}\n", "want 1 to 1000"},
		{"huge number", "sync: {workers: 99999999999999999999}\n", "sync.workers: is"},
		{"empty schedule", "sync: {schedule: \"\"}\n", "sync.schedule: is empty"},
		{"bad schedule", "sync: {schedule: bad}\n", "sync.schedule: not a cron spec"},
		{"listen without port", "server: {listen: localhost}\n", "server.listen: \"localhost\" is not an address"},
		{"listen URL", "server: {listen: \"http://x:1\"}\n", "is a URL"},
		{"listen port", "server: {listen: \"x:99999\"}\n", `"99999" is not a port`},
		{"listen address", "server: {listen: \"1.2.3:80\"}\n", `"1.2.3" is not a host name or address`},
		{"same address", "server: {webhook_listen: \"127.0.0.1:8080\"}\n", "is the same address as server.listen"},
		{"long socket", "data_dir: " + long + "\n", "data_dir: makes the path of the control socket 134 bytes long"},
		{"public_url scheme", "server: {public_url: \"ftp://x\"}\n", `server.public_url: has the scheme "ftp"; want http or https`},
		{"public_url user", "server: {public_url: \"https://u:p@x\"}\n", "holds a user name or password"},
		{"public_url query", "server: {public_url: \"https://x/?a\"}\n", "holds a query"},
		{"public_url none", "server: {public_url: trail}\n", "is not a web address"},
		{"database", "database: {url: \"mysql://u:secret@x/y\"}\n", "database.url: is not a PostgreSQL address"},
		{"master key", "database: {url: \"postgres://u:secret@x/y\"}\n", "key.master_key_file: is required with PostgreSQL"},
		{"project", "issues: {projects: [app, APP-7, 'A B']}\n", `issues.projects[0]: "app" is not a project key: upper-case letters, digits and _, first a letter; did you mean APP?`},
		{"project with number", "issues: {projects: [APP-7]}\n", "did you mean APP?"},
		{"alias shape", "issues: {aliases: {old: NEW}}\n", `issues.aliases.old: "old" is not a project key`},
		{"alias target", "issues: {aliases: {OLD: new}}\n", `issues.aliases.OLD: "new" is not a project key`},
		{"alias of nothing", "issues: {aliases: {OLD: }}\n", `issues.aliases.OLD: is empty`},
		{"alias of itself", "issues: {aliases: {OLD: OLD}}\n", "issues.aliases.OLD: comes back to itself"},
		{"alias cycle", "issues: {aliases: {A: B, B: C, C: A}}\n", "issues.aliases.B: comes back to itself"},
		{"enum", "issues: {unreachable: kep}\n", `"kep" is not one of remove, keep; did you mean keep?`},
		{"empty enum", "issues: {unreachable: \"\"}\n", `"" is not one of remove, keep`},
		{"glob", "sync: {refs: {include: [\"a[\"]}}\n", "sync.refs.include[0]: \"a[\" is not a glob"},
		{"full ref", "sync: {refs: {exclude: [\"refs/heads/x/*\"]}}\n", "did you mean x/*?"},
		{"host name", "hosts: [{name: a/b, kind: git}]\n", `hosts[0].name: "a/b" is not a name`},
		{"host twice", "hosts:\n - {name: a, kind: git}\n - {name: A, kind: git}\n", `3:11: hosts[1].name: "A" is the name of hosts[0] already`},
		{"host empty", "hosts: [{name: \"\", kind: git}]\n", "1:16: hosts[0].name: is required, and empty"},
		{"host null", "hosts: [~]\n", "1:9: hosts[0]: is empty"},
		{"ssh_host", "hosts: [{name: a, kind: git, ssh_host: \"git@x\"}]\n", "hosts[0].ssh_host: \"git@x\" is not a host name"},
		{"link", "hosts: [{name: a, kind: git, links: {commit: \"https://x/{hsh}\"}}]\n", "hosts[0].links.commit: does not hold {hash}"},
		{"link scheme", "hosts: [{name: a, kind: git, links: {branch: \"javascript:{branch}\"}}]\n", "hosts[0].links.branch: is not a web address"},
		{"discover", "hosts: [{name: a, kind: git, discover: [acme]}]\n", "hosts[0].api_token_file: is required with discover"},
		{"repository twice", "repositories:\n - url: git@x:a\n - url: git@x:a.git\n", "3:9: repositories[1].url: is the repository of repositories[0].url already"},
		{"repository host", "repositories: [{url: git@x:a, host: nope}]\n", `"nope" is the name of no entry of hosts`},
		{"repository project", "issues: {projects: [APP]}\nrepositories: [{url: git@x:a, projects: [APQ]}]\n", `"APQ" is not among issues.projects, which this list narrows; did you mean APP?`},
		{"jira kind", "jira: [{name: a, kind: server, site: https://x}]\n", `jira[0].kind: "server" is not one of cloud, datacenter`},
		{"jira http", "jira: [{name: a, kind: datacenter, site: \"http://jira\"}]\n", "jira[0].site: must be https"},
		{"jira needs", "jira: [{name: a, kind: cloud, site: \"https://x\"}]\n", "jira[0].client_id: is required with kind: cloud"},
		{"jira other", "jira: [{name: a, kind: datacenter, site: \"https://x\", client_id: x}]\n", "jira[0].client_id: has no meaning with kind: datacenter"},
		{"jira twice", "jira: [{name: a, kind: datacenter, site: \"https://x\"}, {name: a, kind: datacenter, site: \"https://x\"}]\n", `jira[1].name: "a" is the name of jira[0] already`},
		{"passphrase", "key: {passphrase_file: x}\n", "key.passphrase_file: "},
		{"unset variable", "data_dir: ${NOPE}/x\n", "1:11: data_dir: the environment variable NOPE is not set"},
		{"bad variable", "data_dir: \"${NO PE}\"\n", `"${NO PE}" is not ${NAME}`},
		{"open variable", "data_dir: \"${NOPE\"\n", `is not ${NAME}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if _, got := read(t, c.text, nil); !strings.Contains(got, c.want) || got == "" {
				t.Errorf("got:  %s\nwant: %s", got, c.want)
			} else if strings.Contains(got, "secret@") || strings.Contains(got, "u:p@") {
				t.Errorf("a password is shown: %s", got)
			}
		})
	}
}

func TestExpansion(t *testing.T) {
	env := map[string]string{"N": "3", "DIR": "/srv/x", "ODD": "${N}", "T": "30s"}
	cfg, problems := read(t, "data_dir: ${DIR}/$${N}${N}\nsync:\n  workers: ${N}\n  timeout: ${T}\nhosts:\n  - {name: a, kind: git, links: {compare: \"https://h/${ODD}\"}}\n", env)
	if problems != "" {
		t.Fatal(problems)
	}
	if cfg.DataDir != "/srv/x/${N}3" || cfg.Sync.Workers != 3 || cfg.Sync.Timeout != 30*time.Second {
		t.Errorf("%s, %d, %s", cfg.DataDir, cfg.Sync.Workers, cfg.Sync.Timeout)
	}
	if got := cfg.Hosts[0].Links.Compare; got != "https://h/${N}" {
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
hosts: [{name: H, kind: gitlab, ssh_host: Git.Example.COM}]
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
