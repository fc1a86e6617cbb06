package hooks

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// programs makes a folder for PATH that holds what the hook needs, without some, and
// programs of the test's own.
func programs(t *testing.T, without string, own map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"git", "cat", "od", "date", "curl", "openssl", "logger"} {
		path, err := exec.LookPath(name)
		if err != nil {
			t.Fatal(err)
		}
		if name == without || own[name] != "" {
			continue
		}
		if err := os.Symlink(path, dir+"/"+name); err != nil {
			t.Fatal(err)
		}
	}
	for name, text := range own {
		write(t, dir+"/"+name, "#!/bin/sh\n"+text, 0o755)
	}
	return dir
}

// syslog gives a logger that hands its line over, and where it arrives.
func syslog(t *testing.T) (program string, lines <-chan string) {
	t.Helper()
	pipe := t.TempDir() + "/log"
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(pipe, os.O_RDWR, 0) // both ends: opening never waits
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	out := make(chan string)
	go func() {
		b := make([]byte, 4096)
		for {
			n, err := f.Read(b)
			if err != nil {
				return
			}
			out <- string(b[:n])
		}
	}()
	return `printf '%s\n' "$*" >` + pipe + "\n", out
}

// TestTroubleIsLogged: the push works, and the system log says what did not.
func TestTroubleIsLogged(t *testing.T) {
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer wrong.Close()
	for _, c := range []struct {
		name, without string
		own           map[string]string
		secret        string // content; "-" = no such file
		line          string // what the log must hold
	}{
		{name: "no curl", without: "curl", secret: "k", line: "there is no curl"},
		{name: "no openssl", without: "openssl", secret: "k", line: "there is no openssl"},
		{name: "no od", without: "od", secret: "k", line: "there is no od"},
		{name: "no secret file", secret: "-", line: "se cret cannot be read"},
		{name: "empty secret file", secret: "\n \r\n", line: "se cret holds no secret"},
		{name: "wrong secret", secret: "k", line: "was 401"},
		{name: "an openssl that fails", own: map[string]string{"openssl": "exit 1\n"}, secret: strings.Repeat("k", 65), line: "openssl makes no digest"},
	} {
		for _, shell := range shells {
			t.Run(c.name+" "+shell, func(t *testing.T) {
				logger, lines := syslog(t)
				own := map[string]string{"logger": logger}
				for name, text := range c.own {
					own[name] = text
				}
				s := newSite(t, shell, wrong.URL)
				write(t, s.secret, c.secret, 0o600)
				if c.secret == "-" {
					os.Remove(s.secret)
				}
				s.env = []string{"PATH=" + programs(t, c.without, own)}
				if out := s.push(t, "main"); out != "" {
					t.Errorf("the pusher sees %q", out)
				}
				select {
				case line := <-lines:
					if !strings.HasPrefix(line, "-t issuetrail -- ") || !strings.Contains(line, c.line) || strings.Contains(line, "kkkk") {
						t.Errorf("logged %q", line)
					}
				case <-time.After(30 * time.Second):
					t.Fatal("nothing was logged")
				}
			})
		}
	}
}

// TestNoLogger: where nothing can be logged, the push works all the same.
func TestNoLogger(t *testing.T) {
	for _, without := range []string{"curl", "openssl"} {
		s := newSite(t, "dash", "http://127.0.0.1:1/")
		path := programs(t, without, nil)
		os.Remove(path + "/logger")
		s.env = []string{"PATH=" + path}
		if out := s.push(t, "main"); out != "" {
			t.Errorf("without %s the pusher sees %q", without, out)
		}
	}
}

// TestSecretStaysHidden: while each program that the hook starts is running, no process
// has the secret, or what is made of it, in its arguments or its environment.
func TestSecretStaysHidden(t *testing.T) {
	const secret = "abcdefghijklmnopqrstuvwxyz"
	forms := []string{secret}
	for _, pad := range []byte{0, 0x36, 0x5c} {
		var octal, decimal, hexadecimal strings.Builder
		for _, b := range []byte(secret)[:4] {
			fmt.Fprintf(&octal, `\%03o`, b^pad)
			fmt.Fprintf(&decimal, " %d", b^pad)
			fmt.Fprintf(&hexadecimal, "%02x", b^pad)
		}
		forms = append(forms, octal.String(), decimal.String(), hexadecimal.String())
	}
	for _, shell := range shells {
		t.Run(shell, func(t *testing.T) {
			server, got := listen(t)
			s := newSite(t, shell, server.URL)
			write(t, s.secret, secret+"\n", 0o600)
			seen := s.dir + "/seen"
			own := map[string]string{}
			for _, name := range []string{"curl", "openssl", "od", "date"} {
				path, err := exec.LookPath(name)
				if err != nil {
					t.Fatal(err)
				}
				own[name] = "/bin/cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ </dev/null >>" + seen + " 2>/dev/null\necho started-" + name + " >>" + seen + "\nexec " + path + ` "$@"` + "\n"
			}
			s.env = []string{"PATH=" + programs(t, "", own), "SHELLOPTS=allexport"}
			for _, v := range []string{"key", "line", "gap", "byte", "format", "ipad", "opad", "sum", "body"} {
				s.env = append(s.env, v+"=from-the-environment")
			}
			s.push(t, "main")
			if d := next(t, got); d.header.Get("X-Hub-Signature-256") != d.signature(secret) {
				t.Error("the signature is wrong")
			}
			text, err := os.ReadFile(seen)
			if err != nil {
				t.Fatal(err)
			}
			for name := range own {
				if !strings.Contains(string(text), "started-"+name) {
					t.Errorf("%s was not started", name)
				}
			}
			if !strings.Contains(string(text), "GIT_DIR=.") || !strings.Contains(string(text), "from-the-environment") {
				t.Error("the environment of the hook was not seen: this test looks in the wrong place")
			}
			for _, form := range forms {
				if strings.Contains(string(text), form) {
					t.Errorf("a process shows %q", form)
				}
			}
		})
	}
}

// TestForeignPrintf: a shell whose printf is a program would show the secret, so nothing is sent.
func TestForeignPrintf(t *testing.T) {
	logger, lines := syslog(t)
	s := newSite(t, "bash", "http://127.0.0.1:1/")
	file := s.bare + "/hooks/post-receive"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.Replace(string(text), "set +aefuvx\n", "set +aefuvx; enable -n printf\n", 1), 0o755)
	printf, err := exec.LookPath("printf")
	if err != nil {
		t.Fatal(err)
	}
	s.env = []string{"PATH=" + programs(t, "", map[string]string{"logger": logger, "printf": "exec " + printf + ` "$@"` + "\n"})}
	s.push(t, "main")
	select {
	case line := <-lines:
		if !strings.Contains(line, "no printf of its own") {
			t.Errorf("logged %q", line)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("nothing was logged")
	}
}

// TestDaemonIsStarted: a push is told though nobody listens in its first second, as while the
// daemon is being updated.
func TestDaemonIsStarted(t *testing.T) {
	server, got := listen(t)
	address := server.Listener.Addr().String()
	for _, shell := range shells {
		server.Close()
		s := newSite(t, shell, "http://"+address+"/")
		log, refused := syslog(t)
		curl, err := exec.LookPath("curl")
		if err != nil {
			t.Fatal(err)
		}
		s.env = []string{"PATH=" + programs(t, "", map[string]string{"curl": curl + ` "$@" && exit` + "\n" + log + "exit 7\n"})}
		if err := os.Symlink("/bin/sleep", strings.TrimPrefix(s.env[0], "PATH=")+"/sleep"); err != nil {
			t.Fatal(err)
		}
		s.push(t, "main")
		select {
		case <-refused:
		case <-time.After(30 * time.Second):
			t.Fatal("nobody was asked")
		}
		server = &httptest.Server{Config: &http.Server{Handler: server.Config.Handler}}
		if server.Listener, err = net.Listen("tcp", address); err != nil {
			t.Fatal(err)
		}
		server.Start()
		if d := next(t, got); d.header.Get("X-Hub-Signature-256") != d.signature("secret-of-the-test") {
			t.Error("the signature is wrong")
		}
	}
	server.Close()
}

// TestMoreThanIsTaken: of a push whose list of refs the daemon would refuse for its length, the
// repository alone is told.
func TestMoreThanIsTaken(t *testing.T) {
	server, got := listen(t)
	for _, shell := range shells {
		s := newSite(t, shell, server.URL)
		line := strings.Repeat("a", 40) + " " + strings.Repeat("b", 40) + " refs/heads/" + strings.Repeat("ä", 50) + "\n"
		cmd := exec.Command(s.bare + "/hooks/post-receive")
		cmd.Dir, cmd.Stdin = s.bare, strings.NewReader(strings.Repeat(line, 200_000))
		if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
			t.Fatalf("%v: %s", err, out)
		}
		if d := next(t, got); d.body != "repo acme/app.git" || d.header.Get("X-Hub-Signature-256") != d.signature("secret-of-the-test") {
			t.Errorf("%s: %d bytes", shell, len(d.body))
		}
	}
}

// TestOptionsOfTheShell: options that the account exports, or a site that starts the hook with
// some, neither end the hook nor make it talk to the pusher.
func TestOptionsOfTheShell(t *testing.T) {
	server, got := listen(t)
	s := newSite(t, "bash", server.URL)
	file := s.bare + "/hooks/post-receive"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	write(t, file, strings.Replace(string(text), "root='", "root='/none", 1), 0o755)
	s.env = []string{"SHELLOPTS=errexit:nounset:noglob"}
	if out := s.push(t, "main"); out != "" {
		t.Errorf("the pusher sees %q", out)
	}
	if d := next(t, got); !strings.HasSuffix(d.body, " refs/heads/main") {
		t.Errorf("body %q", d.body)
	}
}
