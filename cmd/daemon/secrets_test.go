package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"issuetrail/internal/testgit"
	"issuetrail/internal/testssh"
)

// A secretWorld is a daemon that logs all it can, and what must never be seen of it.
type secretWorld struct {
	*world
	scan   *secretScan
	master int // how many master keys there were
	pass   string
}

func newSecretWorld(t *testing.T) *secretWorld {
	w := &secretWorld{world: newWorld(t, testssh.Options{}), scan: newSecretScan(t)}
	w.enter = append(powerless(), "sh", "-c", `[ "$2" != serve ] || set -- "$@" --log-level debug; exec "$@"`, "sh")
	for _, dir := range []string{"tmp", "keys"} {
		if err := os.Mkdir(filepath.Join(w.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.env = []string{"TMPDIR=" + filepath.Join(w.dir, "tmp")}
	w.pass = w.scan.word("the passphrase", "correct horse battery staple")
	w.write("keys/pass", w.pass+"\n")
	w.write("keys/wrong-pass", w.scan.word("a wrong passphrase", "Tr0ub4dor&3-was-wrong")+"\n")
	return w
}

// says runs a command and looks at what it prints. It gives the exit status.
func (w *secretWorld) says(args ...string) (stdout string, code int) {
	w.t.Helper()
	out, errs, code := w.run(args...)
	w.scan.in("what "+strings.Join(args, " ")+" prints", []byte(out+errs))
	return out, code
}

func (w *secretWorld) must(args ...string) string {
	w.t.Helper()
	out, code := w.says(args...)
	if code != 0 {
		w.t.Errorf("%s: exit status %d", strings.Join(args, " "), code)
	}
	return out
}

// learn takes in what is secret now: the master key, and the keys in the database.
func (w *secretWorld) learn(what string) {
	w.t.Helper()
	master := w.read("data/master-key")
	if word := strings.TrimSpace(master); w.scan.words[word] == "" {
		w.master++
		w.scan.word(fmt.Sprintf("master key %d", w.master), word)
	}
	for i, key := range w.stored(master) {
		w.scan.key(fmt.Sprintf("%s, key %d", what, i), key)
	}
}

// tool runs one of the programs that people make keys with, in the folder of the keys.
func (w *secretWorld) tool(name string, args ...string) {
	w.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = filepath.Join(w.dir, "keys")
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// keyFiles makes a key in each format, with a passphrase and without.
func (w *secretWorld) keyFiles() (plain, encrypted []string) {
	w.t.Helper()
	for i, name := range []string{"one", "two"} {
		text, _ := testssh.NewKey(w.t)
		w.write("keys/"+name, string(text))
		w.scan.key("the imported key "+name, parsePEM(w.t, text))
		plain = append(plain, name)
		add := func(list *[]string, format, tool string, args ...string) {
			if len(args) > 0 {
				w.tool(tool, args...)
			}
			*list = append(*list, name+format)
			w.scan.file("the file "+name+format, w.read("keys/"+name+format))
		}
		pass, version := "pass:"+w.pass, fmt.Sprintf("version=%d", 2+i)
		add(&plain, ".p8", "openssl", "pkcs8", "-topk8", "-nocrypt", "-in", name, "-out", name+".p8")
		add(&encrypted, ".p8enc", "openssl", "pkcs8", "-topk8", "-passout", pass, "-in", name, "-out", name+".p8enc")
		add(&encrypted, ".scrypt", "openssl", "pkcs8", "-topk8", "-scrypt", "-passout", pass, "-in", name, "-out", name+".scrypt")
		add(&encrypted, ".aes", "openssl", "rsa", "-aes256", "-traditional", "-passout", pass, "-in", name, "-out", name+".aes")
		add(&encrypted, ".des3", "openssl", "rsa", "-des3", "-traditional", "-passout", pass, "-in", name, "-out", name+".des3")
		add(&plain, ".ppk", "puttygen", name, "-O", "private", "-o", name+".ppk", "--ppk-param", version)
		add(&encrypted, ".ppkenc", "puttygen", name, "-O", "private", "-o", name+".ppkenc", "--ppk-param", version, "--new-passphrase", "pass")
		for format, pass := range map[string]string{".ssh": "", ".sshenc": w.pass} {
			w.write("keys/"+name+format, string(text))
			w.tool("ssh-keygen", "-q", "-p", "-P", "", "-N", pass, "-a", "4", "-f", name+format)
			list := &plain
			if pass != "" {
				list = &encrypted
			}
			add(list, format, "")
		}
	}
	return plain, encrypted
}

// answers looks at what the API says to every GET that its description has.
func (w *secretWorld) answers() (n int) {
	w.t.Helper()
	c := http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) { return net.Dial("unix", w.socket()) }}}
	get := func(path string) []byte {
		res, err := c.Get("http://socket" + path)
		if err != nil {
			w.t.Fatal(err)
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		if err != nil {
			w.t.Fatal(err)
		}
		var header bytes.Buffer
		_ = res.Header.Write(&header)
		w.scan.in("GET "+path, append(text, header.Bytes()...))
		n++
		return text
	}
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(get("/api/v1/openapi.json"), &doc); err != nil {
		w.t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		if methods["get"] == nil {
			continue
		}
		parts := strings.SplitN(path, "/{", 2)
		if len(parts) == 1 {
			get(path + "?limit=1000")
			continue
		}
		_, tail, _ := strings.Cut(parts[1], "}")
		var list struct{ Items []map[string]any }
		_ = json.Unmarshal(get(parts[0]+"?limit=1000"), &list)
		if len(list.Items) == 0 {
			w.t.Errorf("there is nothing at %s", parts[0])
		}
		for _, item := range list.Items {
			for _, id := range []string{"id", "key", "name"} {
				if s, ok := item[id].(string); ok {
					get(parts[0] + "/" + url.PathEscape(s) + tail)
				}
			}
		}
	}
	return n
}

// TestSecrets: after all that can be done with keys, tokens and secrets, no piece of them is in the data folder, in the
// log, in an answer, in what a command prints, or to be seen of a process.
func TestSecrets(t *testing.T) {
	t.Parallel()
	w := newSecretWorld(t)
	scan := w.scan
	right, stale := scan.word("the HTTPS token", "glpat-rIghtToken4711xyz"), scan.word("the old HTTPS token", "glpat-staleToken0815abc")
	web := testgit.Start(t, testgit.Options{User: "trail", Token: right})
	testssh.AddCommits(t, web.InitRepo("acme/web.git"), "main", 2, nil)
	app := w.ssh.InitRepo("acme/app.git")
	testssh.AddCommits(t, app, "main", 3, nil)
	w.write("token", "trail\n"+stale+"\n")
	w.write("ca.pem", string(web.CA))
	secrets := map[string]string{}
	entries := []string{fmt.Sprintf("{name: lab, kind: git, web_url: \"https://%s\", credentials_file: token, ca_file: ca.pem}", web.HostPort())}
	for _, kind := range []string{"github", "gitlab", "bitbucket", "azure-devops", "gerrit", "beanstalk", "gitea", "git"} {
		secrets[kind] = scan.word("the webhook secret of "+kind, kind+"-0123456789abcdef-secret")
		w.write("secret-"+kind, secrets[kind]+"\n")
		entries = append(entries, fmt.Sprintf("{name: %s, kind: %s, web_url: \"https://%s.example\", webhook_secret_file: secret-%s}", kind, kind, kind, kind))
	}
	w.hostsConfig(entries, []string{fmt.Sprintf("{url: %q, host: github}", w.ssh.URL(app)), fmt.Sprintf("{url: %q}", web.URL("acme/web.git"))})
	w.write("config.yaml", strings.Replace(w.read("config.yaml"), "key: {file: key.pem}\n", "", 1))
	w.mustStart()

	// A key of each way to have one.
	scan.word("the first API token", strings.TrimSpace(w.read("data/admin-token")))
	w.must("key", "generate", "--bits", "2048")
	w.learn("generated")
	plain, encrypted := w.keyFiles()
	for _, name := range plain {
		w.must("key", "import", "keys/"+name)
		w.says("key", "stage", "keys/"+name)
	}
	for _, name := range encrypted {
		w.must("key", "import", "keys/"+name, "--passphrase-file", "keys/pass")
		for _, more := range [][]string{nil, {"--passphrase-file", "keys/wrong-pass"}} {
			if _, code := w.says(append([]string{"key", "stage", "keys/" + name}, more...)...); code != exitConfig {
				t.Errorf("%s with %v: exit status %d", name, more, code)
			}
		}
	}
	for _, name := range append(plain, encrypted...) { // cut, and twice in one file
		text := w.read("keys/" + name)
		w.write("keys/damaged", text[:len(text)*2/3])
		w.says("key", "import", "keys/damaged", "--passphrase-file", "keys/pass")
		w.write("keys/damaged", text+text)
		w.says("key", "import", "keys/damaged", "--passphrase-file", "keys/pass")
	}
	w.must("key", "convert", "keys/two.ppkenc", "--passphrase-file", "keys/pass", "--out", "keys/converted")
	w.must("key", "convert", "keys/two.ppkenc", "--passphrase-file", "keys/pass", "--out", "keys/converted2", "--json")
	for _, name := range []string{"converted", "converted2"} {
		got := parsePEM(t, []byte(w.read("keys/"+name)))
		if !got.PublicKey.Equal(&parsePEM(t, []byte(w.read("keys/two"))).PublicKey) {
			t.Errorf("%s is another key", name)
		}
		scan.key("the converted key", got) // its primes may have changed places
	}
	w.must("key", "import", "key.pem")
	scan.key("the key that logs in", parsePEM(t, w.ssh.ClientKeyPEM))
	if status, _ := w.post("/api/v1/key/stage", fmt.Sprintf(`{"private_key":%q,"passphrase":%q}`, w.read("keys/one.aes"), w.pass),
		map[string]string{"Content-Type": "application/json", "Authorization": "Bearer " + strings.TrimSpace(w.read("data/admin-token"))}); status != http.StatusOK {
		t.Errorf("a key over HTTP: %d", status)
	}
	w.must("key", "stage", "--bits", "2048")
	w.learn("staged")
	for _, args := range [][]string{{"activate"}, {"rewrap"}, {"rollback"}, {"status", "--check"}, {"rewrap"}, {"show"}, {"show", "--json"}, {"drop", "previous"}} {
		w.must(append([]string{"key"}, args...)...)
		w.learn(args[0])
	}

	// Tokens and webhook secrets, right ones and wrong ones.
	w.must("repo", "sync", w.ssh.URL(app), "--wait")
	w.says("repo", "sync", web.URL("acme/web.git"), "--wait")
	w.says("key", "verify", web.URL("acme/web.git"))
	w.write("token", "trail\n"+right+"\n")
	w.must("repo", "sync", web.URL("acme/web.git"), "--wait")
	scan.word("a password in a URL", "hunter2-in-the-url")
	scan.word("a token as the user name", "glpat-asUserName1234567")
	for _, url := range []string{
		"https://glpat-asUserName1234567@" + web.HostPort() + "/acme/new.git", "https://trail:hunter2-in-the-url@" + web.HostPort() + "/acme/web.git", "ssh://git:hunter2-in-the-url@" + w.ssh.HostPort() + "/app",
	} {
		w.says("repo", "add", url)
		w.says("key", "verify", url)
		w.says("key", "verify", "--json", url)
		w.says("repo", "sync", url)
		w.says("repo", "remove", url)
	}
	out, _, _ := w.run("token", "create", "ci", "--role", "admin") // shown this once
	made := scan.word("an API token", strings.TrimSpace(out))
	w.must("token", "list")
	for _, token := range []string{made, scan.word("a wrong API token", "it_wrong-token-0123456789")} {
		w.post("/api/v1/repositories/sync", "", map[string]string{"Authorization": "Bearer " + token})
		w.post("/api/v1/nowhere?token="+token, "", map[string]string{"Authorization": "Bearer " + token})
	}
	for kind, secret := range secrets {
		body := pushBody("acme/app", "refs/heads/main", testssh.Git(t, app, "rev-parse", "main"))
		for _, s := range []string{secret, scan.word("a wrong webhook secret", "wrong-0123456789abcdef")} {
			header := http.Header{
				"Content-Type": {"application/json"}, "X-Github-Event": {"push"}, "X-Gitlab-Event": {"Push Hook"}, "X-Event-Key": {"repo:push"},
				"X-Gitea-Event": {"push"}, "X-Github-Delivery": {kind + s[:5]},
			}
			path := signer(s).prove(kind, header, body)
			w.postHeader(path, body, header)
			w.postHeader(path+"?secret="+url.QueryEscape(s), body, header)
		}
	}
	n := w.answers()
	w.duringImport()
	w.process(w.cmd.Process.Pid)
	closed(t, w.cmd.Process.Pid)

	may := map[string]string{"admin-token": "the first API token", "master-key": fmt.Sprintf("master key %d", w.master)}
	look := func() {
		t.Helper()
		scan.folder(filepath.Join(w.dir, "data"), may)
		scan.folder(filepath.Join(w.dir, "tmp"), nil)
		scan.in("the log", []byte(w.logged()))
	}
	look()
	if text := w.logged(); !strings.Contains(text, `"level":"info"`) || !strings.Contains(text, "auth_failed") {
		t.Error("that is no log")
	}
	w.stop(syscall.SIGQUIT) // Go's runtime writes what its goroutines do
	look()
	if cores, _ := filepath.Glob(filepath.Join(w.dir, "core*")); len(cores) > 0 {
		t.Errorf("%v", cores)
	}
	if w.master != 3 {
		t.Errorf("%d master keys", w.master)
	}
	t.Logf("%d answers of the API; %d bytes looked at for %d pieces of text, %d of bytes and %d words", n, scan.looked, len(scan.text), len(scan.bytes), len(scan.words))
}
