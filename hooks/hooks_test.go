package hooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A told is one delivery as the server got it.
type told struct {
	header http.Header
	body   string
}

// signature is what the header must hold.
func (d told) signature(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(d.body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

// listen answers deliveries 202 and hands them over.
func listen(t *testing.T) (*httptest.Server, <-chan told) {
	got := make(chan told, 8)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- told{r.Header, string(body)}
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(s.Close)
	return s, got
}

func next(t *testing.T, got <-chan told) told {
	t.Helper()
	select {
	case d := <-got:
		return d
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was told")
		return told{}
	}
}

// A site is a bare repository with the hook, and a clone to push from.
type site struct {
	dir, bare, work, secret string
	env                     []string // of the push
}

// newSite installs the hook to be run by a shell.
func newSite(t *testing.T, shell, url string) *site {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s := &site{dir, dir + "/git/acme/app.git", dir + "/work", dir + "/se cret", nil}
	path, err := exec.LookPath(shell)
	if err != nil {
		t.Fatal(err)
	}
	run(t, s.env, "git", "init", "-q", "--bare", s.bare)
	text := strings.NewReplacer("#!/bin/sh", "#!"+path, "https://trail.example.com/webhooks/git", url,
		"/etc/issuetrail-hook/secret", s.secret, "'/srv/git'", "'"+dir+"/git/'").Replace(PostReceive)
	write(t, s.bare+"/hooks/post-receive", text, 0o755)
	write(t, s.secret, "secret-of-the-test\n", 0o600)
	run(t, s.env, "git", "init", "-q", "-b", "main", s.work)
	s.commit(t)
	return s
}

func (s *site) commit(t *testing.T) {
	t.Helper()
	run(t, nil, "git", "-C", s.work, "commit", "-q", "--allow-empty", "-m", "APP-7 begin")
}

func (s *site) push(t *testing.T, refs ...string) string {
	t.Helper()
	return run(t, s.env, "git", append([]string{"-C", s.work, "push", "-q", s.bare}, refs...)...)
}

func run(t *testing.T, env []string, name string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.WaitDelay = time.Second // a hook that keeps git's pipes open
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_AUTHOR_NAME=A",
		"GIT_AUTHOR_EMAIL=a@example.com", "GIT_COMMITTER_NAME=A", "GIT_COMMITTER_EMAIL=a@example.com")
	cmd.Env = append(cmd.Env, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

func write(t *testing.T, file, text string, mode os.FileMode) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
}

// shells are those that /bin/sh is on most systems.
var shells = []string{"dash", "bash"}

func TestPush(t *testing.T) {
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			server, got := listen(t)
			s := newSite(t, shell, server.URL)
			if out := s.push(t, "main", "main:refs/heads/größe", "main:refs/tags/v1"); out != "" {
				t.Errorf("the pusher sees %q", out)
			}
			d := next(t, got)
			head := strings.TrimSpace(run(t, nil, "git", "-C", s.work, "rev-parse", "HEAD"))
			zero := strings.Repeat("0", 40)
			want := "repo acme/app.git\n" + zero + " " + head + " refs/heads/main\n" + zero + " " + head + " refs/heads/größe\n" + zero + " " + head + " refs/tags/v1"
			if d.body != want {
				t.Errorf("body\n%s\nwant\n%s", d.body, want)
			}
			if d.header.Get("X-Hub-Signature-256") != d.signature("secret-of-the-test") {
				t.Error("the signature is wrong")
			}
			id := d.header.Get("X-Delivery")
			if len(id) != 32 || d.header.Get("X-Timestamp") == "" || d.header.Get("Content-Type") != "text/plain; charset=utf-8" {
				t.Errorf("headers %v", d.header)
			}
			s.push(t, ":refs/tags/v1")
			if d = next(t, got); !strings.HasSuffix(d.body, "\n"+head+" "+zero+" refs/tags/v1") || d.header.Get("X-Delivery") == id {
				t.Errorf("of the removal: %q, %v", d.body, d.header)
			}
		})
	}
}

// TestSecrets: each line of a secret file signs as Go's own HMAC does with the secret in it.
func TestSecrets(t *testing.T) {
	every := make([]byte, 0, 256)
	for b := range 256 {
		if b != '\n' {
			every = append(every, byte(b))
		}
	}
	every = append(every, 'x')
	long := func(n int) string { return strings.Repeat("0123456789abcdef", 20)[:n] }
	files := map[string][2]string{ // file, secret
		"1 byte": {"k\n", "k"}, "63 bytes": {long(63) + "\n", long(63)}, "64 bytes": {long(64), long(64)},
		"65 bytes": {long(65) + "\n", long(65)}, "200 bytes": {long(200) + "\n", long(200)},
		"line end of Windows": {long(40) + "\r\n", long(40)}, "empty lines and spaces before": {"\n \t\r\n \t a b\tc \v\f\n\nother\n", "a b\tc"},
		"two, the first counts": {"one\ntwo\n", "one"}, "byte order mark": {"\uFEFFone\n", "one"},
		"what a shell expands": {"`id` $(id) $HOME %s %d \\n \\0 * ? 'q' \"q\" -n\n", "`id` $(id) $HOME %s %d \\n \\0 * ? 'q' \"q\" -n"},
		"every byte":           {string(every) + "\n", strings.TrimLeft(string(every), "\t")}, "not UTF-8": {"\xff\xfe\x80\n", "\xff\xfe\x80"},
	}
	server, got := listen(t)
	for _, shell := range shells {
		s := newSite(t, shell, server.URL)
		for name, f := range files {
			t.Run(shell+" "+name, func(t *testing.T) {
				write(t, s.secret, f[0], 0o600)
				s.commit(t)
				s.push(t, "main")
				if d := next(t, got); d.header.Get("X-Hub-Signature-256") != d.signature(f[1]) {
					t.Errorf("%s for %q", d.header.Get("X-Hub-Signature-256"), f[1])
				}
			})
		}
	}
}

// TestPushDoesNotWait: the push is over while the server still holds the request.
func TestPushDoesNotWait(t *testing.T) {
	arrived, release := make(chan bool, 8), make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		arrived <- true
		<-release
	}))
	defer server.Close()
	defer close(release)
	for _, shell := range shells {
		s := newSite(t, shell, server.URL)
		s.push(t, "main") // returns though nobody released anything, or is killed in the end
		select {
		case <-arrived:
		case <-time.After(30 * time.Second):
			t.Fatal("nothing was told")
		}
	}
}

func TestGitolitesName(t *testing.T) {
	server, got := listen(t)
	s := newSite(t, "dash", server.URL)
	s.env = []string{"GL_REPO=team/app"}
	s.push(t, "main")
	if d := next(t, got); !strings.HasPrefix(d.body, "repo team/app\n") {
		t.Errorf("body %q", d.body)
	}
}

func TestNames(t *testing.T) {
	server, got := listen(t)
	for root, want := range map[string]string{"": "git/acme/app.git", "/": "git/acme/app.git", "/git": "acme/app.git", "/link": "acme/app.git", "/none": "git/acme/app.git"} {
		s := newSite(t, "dash", server.URL)
		if err := os.Symlink(s.dir+"/git", s.dir+"/link"); err != nil {
			t.Fatal(err)
		}
		if root != "" && root != "/" {
			root, want = s.dir+root, strings.Replace(want, "git/acme", strings.TrimPrefix(s.dir, "/")+"/git/acme", 1)
		} else {
			want = strings.TrimPrefix(s.dir, "/") + "/" + want
		}
		file := s.bare + "/hooks/post-receive"
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, strings.Replace(string(text), "root='"+s.dir+"/git/'", "root='"+root+"'", 1), 0o755)
		s.push(t, "main")
		if d := next(t, got); !strings.HasPrefix(d.body, "repo "+want+"\n") {
			t.Errorf("root %q: %q, want %q", root, d.body, want)
		}
	}
}

// TestNamesInTheHome: where the repository is not below root, the name begins in the home of the account, as in
// git@host:acme/app.git. It was the whole path once, which is the end of no such clone URL.
func TestNamesInTheHome(t *testing.T) {
	server, got := listen(t)
	for _, shell := range shells {
		s := newSite(t, shell, server.URL)
		if err := os.Symlink(s.dir+"/git", s.dir+"/home"); err != nil {
			t.Fatal(err)
		}
		file := s.bare + "/hooks/post-receive"
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		write(t, file, strings.Replace(string(text), "root='", "root='/none", 1), 0o755)
		for _, home := range []string{"/git", "/home/"} {
			s.env = []string{"HOME=" + s.dir + home}
			s.commit(t)
			s.push(t, "main")
			if d := next(t, got); !strings.HasPrefix(d.body, "repo acme/app.git\n") {
				t.Errorf("%s, HOME %s: %q", shell, home, d.body)
			}
		}
	}
}

// TestHooksPath: the hook of all repositories at once, and a repository with a working tree.
func TestHooksPath(t *testing.T) {
	server, got := listen(t)
	s := newSite(t, "dash", server.URL)
	run(t, nil, "git", "init", "-q", s.dir+"/git/tree")
	for _, key := range []string{"core.hooksPath=" + s.bare + "/hooks", "receive.denyCurrentBranch=ignore"} {
		k, v, _ := strings.Cut(key, "=")
		run(t, nil, "git", "-C", s.dir+"/git/tree", "config", k, v)
	}
	run(t, nil, "git", "-C", s.work, "push", "-q", s.dir+"/git/tree", "main")
	if d := next(t, got); !strings.HasPrefix(d.body, "repo tree\n") {
		t.Errorf("body %q", d.body)
	}
}

// TestManyRefs: more than fits into a pipe, or into the arguments of a program.
func TestManyRefs(t *testing.T) {
	server, got := listen(t)
	dir := t.TempDir()
	write(t, dir+"/secret", "k\n", 0o600)
	text := strings.NewReplacer("https://trail.example.com/webhooks/git", server.URL, "/etc/issuetrail-hook/secret", dir+"/secret").Replace(PostReceive)
	write(t, dir+"/hook", text, 0o755)
	line := strings.Repeat("a", 40) + " " + strings.Repeat("b", 40) + " refs/heads/" + strings.Repeat("c", 80) + "\n"
	cmd := exec.Command(dir + "/hook")
	cmd.Stdin = bytes.NewReader([]byte(strings.Repeat(line, 20_000)))
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Fatalf("%v: %s", err, out)
	}
	if d := next(t, got); strings.Count(d.body, "refs/heads/") != 20_000 || d.header.Get("X-Hub-Signature-256") != d.signature("k") {
		t.Errorf("%d bytes", len(d.body))
	}
}
