package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/hosts"
	"issuetrail/internal/testssh"
)

// hostsConfig writes config.yaml with these entries of hosts and of repositories, each the YAML of one.
func (w *world) hostsConfig(entries, repos []string) {
	w.t.Helper()
	text := fmt.Sprintf("data_dir: data\nserver: {listen: \"127.0.0.1:0\", control_socket: %q, public_url: \"https://trail.example.com\"}\n"+
		"known_hosts_file: known_hosts\nkey: {file: key.pem}\nsync: {allow_addresses: [127.0.0.0/8]}\n%s", w.socket(), w.head)
	text += "hosts:\n  - " + strings.Join(entries, "\n  - ") + "\n"
	if len(repos) > 0 {
		text += "repositories:\n  - " + strings.Join(repos, "\n  - ") + "\n"
	}
	w.write("config.yaml", text)
}

// hostEntry is the YAML of a hosts entry that is called as its kind.
func hostEntry(kind string, more ...string) string {
	return fmt.Sprintf("{%s}", strings.Join(append([]string{
		"name: " + kind, "kind: " + kind, "webhook_secret_file: secret",
	}, more...), ", "))
}

// repoEntry is the YAML of a repository of a host.
func repoEntry(url, host string) string { return fmt.Sprintf("{url: %q, host: %s}", url, host) }

// A signer makes deliveries prove themselves with a secret, as each kind of host does.
type signer string

func (s signer) hex(body string) string {
	mac := hmac.New(sha256.New, []byte(s))
	mac.Write([]byte(body))
	return hex.EncodeToString(mac.Sum(nil))
}

// prove adds the proof to the headers or to the path that the delivery is sent to.
func (s signer) prove(kind string, h http.Header, body string) (path string) {
	path = "/webhooks/" + kind
	switch kind {
	case "gitlab":
		h.Set("X-Gitlab-Token", string(s))
	case "bitbucket", "bitbucket-server":
		h.Set("X-Hub-Signature", "sha256="+s.hex(body))
	case "azure-devops":
		req := http.Request{Header: h}
		req.SetBasicAuth("issuetrail", string(s))
	case "gerrit", "beanstalk":
		path += "/" + string(s)
	case "gitea":
		s.gitea(h, body)
	case "github", "git", "gitolite", "gitblit":
		h.Set("X-Hub-Signature-256", "sha256="+s.hex(body))
	default:
		s.asTestdata(kind, h, body)
	}
	return path
}

// asTestdata signs as testdata/KIND/proof says, like the tests of internal/hosts.
func (s signer) asTestdata(kind string, h http.Header, body string) {
	text, _ := os.ReadFile("../../internal/hosts/testdata/" + kind + "/proof")
	switch words := append(strings.Fields(string(text)), "", "", ""); words[0] {
	case "hmac":
		h.Set(words[1], words[2]+s.hex(body))
	case "token":
		h.Set(words[1], string(s))
	}
}

// gitea signs as Gitea, Forgejo or Gogs does, whichever the headers say; of a form it is the
// field that is signed.
func (s signer) gitea(h http.Header, body string) {
	sum := s.hex(signedPart(h, body))
	for _, name := range []string{"Forgejo", "Gitea", "Gogs"} {
		if h.Get("X-"+name+"-Event") != "" {
			h.Set("X-"+name+"-Signature", sum)
		}
	}
	if h.Get("X-GitHub-Event") != "" {
		h.Set("X-Hub-Signature-256", "sha256="+sum)
	}
}

// send posts a delivery as its host does. Headers are pairs of name and value.
func (w *world) send(kind, body string, headers ...string) (int, map[string]any) {
	w.t.Helper()
	h := http.Header{"Content-Type": {"application/json"}}
	for i := 0; i+1 < len(headers); i += 2 {
		h.Set(headers[i], headers[i+1])
	}
	path := signer(secretText).prove(kind, h, body)
	return w.postHeader(path, body, h)
}

// postHeader is post with headers that may stand several times.
func (w *world) postHeader(path, body string, h http.Header) (int, map[string]any) {
	w.t.Helper()
	flat := map[string]string{}
	for name, values := range h {
		if len(values) != 1 {
			w.t.Fatalf("%s stands %d times", name, len(values))
		}
		flat[name] = values[0]
	}
	return w.post(path, body, flat)
}

// A person is somebody with a key of their own who pushes with git over SSH.
type person struct {
	t      *testing.T
	dir    string // holds the key and what was cloned
	Public string // line of the public key
	server *testssh.Server
}

func newPerson(t *testing.T, s *testssh.Server) *person {
	t.Helper()
	p := &person{t: t, dir: t.TempDir(), server: s}
	text, signer := testssh.NewKey(t)
	p.Public = publicLine(signer)
	p.file("key", string(text))
	p.file("known_hosts", s.KnownHosts())
	return p
}

func (p *person) file(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// git runs git in a folder below the person's and gives what it said, errors included.
func (p *person) git(dir string, args ...string) string {
	p.t.Helper()
	out, err := p.tryGit(dir, args...)
	if err != nil {
		p.t.Fatalf("git %s: %v\n%s\nsshd:\n%s", strings.Join(args, " "), err, out, tail([]byte(p.server.Log()), 2000))
	}
	return out
}

func (p *person) tryGit(dir string, args ...string) (string, error) {
	cmd := exec.Command("git", args...)
	cmd.Dir = filepath.Join(p.dir, dir)
	cmd.Env = append(testssh.Environ(), "GIT_SSH_COMMAND=ssh -F none -i "+p.dir+"/key -o IdentitiesOnly=yes -o UserKnownHostsFile="+p.dir+"/known_hosts")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// commit makes a commit in a clone and gives its hash.
func (p *person) commit(dir, message string) string {
	p.t.Helper()
	p.file(filepath.Join(dir, "file"), message+time.Now().String())
	p.git(dir, "add", "-A")
	p.git(dir, "commit", "-q", "-m", message)
	return p.git(dir, "rev-parse", "HEAD")
}

// hookScript is what `hook install-script` prints for the hosts entry of a kind. Beside the config it fills
// in the address that hosts reach; in these tests that is the daemon's own.
func (w *world) hookScript(kind string) string {
	w.t.Helper()
	out, errs, code := w.run("hook", "install-script", kind)
	if code != 0 || !strings.Contains(out, "'https://trail.example.com/webhooks/"+kind+"'") {
		w.t.Fatalf("hook install-script %s: exit %d, the address of the config is not in it: %s%s", kind, code, errs, out)
	}
	out, errs, code = w.run("hook", "install-script", kind, "--url", w.base+"/webhooks/"+kind, "--secret-file", filepath.Join(w.dir, "secret"))
	if code != 0 || !strings.Contains(errs, "Place: ") || !strings.Contains(out, "'"+filepath.Join(w.dir, "secret")+"'") {
		w.t.Fatalf("hook install-script %s, told all: exit %d: %s%s", kind, code, errs, out)
	}
	return out
}

// executable writes a program.
func executable(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// namedSSH is an sshd like those of the vendors: the path of a clone URL is the repository's
// name, ssh://user@host:port/acme/app.git. Further lines are cases of the shell's "case" over the command.
func namedSSH(t *testing.T, o testssh.Options, cases ...string) *testssh.Server {
	t.Helper()
	shell := filepath.Join(t.TempDir(), "shell")
	o.Config = append(o.Config, "ForceCommand "+shell)
	s := testssh.Start(t, o)
	executable(t, shell, "#!/bin/sh\ncase $SSH_ORIGINAL_COMMAND in\n"+strings.Join(cases, "\n")+"\n"+
		"\"git-upload-pack '\"*) path=${SSH_ORIGINAL_COMMAND#*\\'}; exec git-upload-pack \""+s.Root+"/${path%\\'}\" ;;\n"+
		"*) echo \"no such command: $SSH_ORIGINAL_COMMAND\" >&2; exit 1 ;;\nesac\n")
	return s
}

// namedURL is the clone URL of a repository on such a server.
func namedURL(s *testssh.Server, name string) string {
	return fmt.Sprintf("ssh://%s@%s/%s.git", s.User(), s.HostPort(), name)
}

// kinds are all kinds of host, and their entries in one config.
func allHosts() (entries []string) {
	for _, kind := range hosts.Kinds() {
		entries = append(entries, hostEntry(kind))
	}
	return entries
}

// deliveries is the delivery log, newest first.
func (w *world) deliveries() (all []wire.Delivery) {
	w.t.Helper()
	for d, err := range w.api.Deliveries(context.Background(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, d)
	}
	return all
}

// signedPart is what a host like Gitea signs: of a form, the value of the field payload.
func signedPart(h http.Header, body string) string {
	if strings.HasPrefix(h.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ := url.ParseQuery(body)
		return form.Get("payload")
	}
	return body
}

// read is the content of a file beside the config.
func (w *world) read(name string) string {
	w.t.Helper()
	text, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// unixMillis are the milliseconds since 1970 of a time as RFC 3339 writes it.
func unixMillis(t *testing.T, text string) int64 {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMilli()
}
