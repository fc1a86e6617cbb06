package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

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
config.yaml:12:11: hosts[0].kind: "githib" is not one of ` + strings.Join(kinds, ", ") + `; did you mean github?
config.yaml:14:10: repositories[0].url: neither ssh://user@host/path nor user@host:path
config.yaml:15:11: repositories[0].host: "hg" is the name of no entry of hosts; did you mean gh?
config.yaml:16:5: repositories[1].url: is required
config.yaml:16:15: repositories[1].schedule: not a cron spec`
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Error(diff)
	}
}

// link is a config with one template, stream one with an address of stream_events.
func link(key, template string) string {
	return "hosts: [{name: a, kind: git, links: {" + key + ": \"" + template + "\"}}]\n"
}

func stream(address string) string {
	return "hosts: [{name: a, kind: gerrit, stream_events: \"" + address + "\"}]\n"
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
		{"ssh_host port", "hosts: [{name: a, kind: git, ssh_host: \"x:0\"}]\n", "hosts[0].ssh_host: \"x:0\" is not a host name"},
		{"web_url scheme", "hosts: [{name: a, kind: git, web_url: \"javascript:alert(1)\"}]\n", "hosts[0].web_url: is not a web address"},
		{"web_url ftp", "hosts: [{name: a, kind: git, web_url: \"ftp://x\"}]\n", `hosts[0].web_url: has the scheme "ftp"; want http or https`},
		{"web_url user", "hosts: [{name: a, kind: git, web_url: \"https://u:p@x\"}]\n", "hosts[0].web_url: holds a user name"},
		{"web_url word", "hosts: [{name: a, kind: git, web_url: \"https://x/{hash}\"}]\n", "hosts[0].web_url: holds a character"},
		{"web_url markup", "hosts: [{name: a, kind: git, web_url: \"https://x/<b>\"}]\n", "hosts[0].web_url: holds a character"},
		{"link", link("commit", "https://x/"), "hosts[0].links.commit: does not hold {hash}, so that all links would be one"},
		{"link word", link("commit", "https://x/{hsh}"), "hosts[0].links.commit: holds {hsh}; the words here are {web} {repo} {project} {name} {hash}"},
		{"link words of elsewhere", link("branch", "https://x/{branch}/{hash}"), "hosts[0].links.branch: holds {hash}; the words here are"},
		{"link compare", link("compare", "https://x/{from}"), "hosts[0].links.compare: does not hold {to}"},
		{"link file", link("file", "https://x/{hash}"), "hosts[0].links.file: does not hold {path}"},
		{"link pull request", link("pull_request", "https://x/{path}"), "hosts[0].links.pull_request: holds {path}; the words here are"},
		{"link tag", link("tag", "https://x/{name}"), "hosts[0].links.tag: does not hold {tag}"},
		{"link repo", link("repo", "https://x/{branch}"), "hosts[0].links.repo: holds {branch}"},
		{"link brace", link("commit", "https://x/{hash}/{}"), "hosts[0].links.commit: holds a brace that is no word"},
		{"link scheme", link("branch", "javascript:{branch}"), "hosts[0].links.branch: begins neither with {web} nor with https://"},
		{"link markup", link("commit", "https://x/<{hash}>"), "hosts[0].links.commit: holds a character"},
		{"link user", link("commit", "https://u:p@x/{hash}"), "hosts[0].links.commit: holds a user name or password"},
		{"link host", link("repo", "https://{name}.example.com/"), "hosts[0].links.repo: is not a web address"},
		{"link web host", link("repo", "{web}.evil.example/"), "hosts[0].links.repo: is not a web address"},
		{"link web", link("commit", "{web}/{hash}"), "hosts[0].links.commit: holds {web}, and web_url is not given"},
		{"link brackets", link("commit", "https://x/[{project}/]{hash}"), "hosts[0].links.commit: has one of {web} {repo} {project} {name} in brackets"},
		{"link unknown", link("page", "https://x"), "hosts[0].links.page: there is no such key"},
		{"stream kind", "hosts: [{name: a, kind: gitea, stream_events: \"ssh://a@x\"}]\n", `hosts[0].stream_events: has no meaning with kind: "gitea"; these have it: gerrit`},
		{"stream path", stream("ssh://a@x/y"), "hosts[0].stream_events: is not the address of an SSH server"},
		{"stream scheme", stream("https://a@x"), "hosts[0].stream_events: is not the address"},
		{"stream scp", stream("a@x"), "hosts[0].stream_events: is not the address"},
		{"stream user", stream("ssh://x:29418"), "hosts[0].stream_events: names no user"},
		{"stream query", stream("ssh://a@x?b"), "hosts[0].stream_events: is not the address"},
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

// TestCredentialsWithoutSystemd: the sample, copied, names credentials. What is missing is said once, with what to write
// in its place, and not also that half of the path is no file.
func TestCredentialsWithoutSystemd(t *testing.T) {
	_, got := read(t, "hosts: [{name: a, kind: git, webhook_secret_file: \"${CREDENTIALS_DIRECTORY}/a\"}]\n", nil)
	if !strings.Contains(got, "CREDENTIALS_DIRECTORY is not set; systemd sets it") || strings.Contains(got, "no such file") {
		t.Error(got)
	}
}
