package hooks

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// gitBlit runs the script as GitBlit does: with bound variables of its shape, and
// the result looked at. It prints the result and what was logged.
const gitBlit = `
class Id { String name }
class Command { Id oldId, newId; String refName }
class Repository { String name }
class Log {
	def warn(text) { println "warned: $text" }
	def info(text) { println "informed: $text" }
	def error(text) { println "error: $text" }
}
def zero = new Id(name: '0' * 40), one = new Id(name: 'a' * 40)
def binding = new Binding(
	gitblit: new Object(), repository: new Repository(name: 'proj/große.git'), receivePack: new Object(), user: new Object(),
	commands: [new Command(oldId: zero, newId: one, refName: 'refs/heads/main'), new Command(oldId: one, newId: zero, refName: 'refs/tags/v1')],
	url: 'https://blit.example.com', logger: new Log(), clientLogger: new Log())
if (args[1] == 'huge') {
	binding.commands = Collections.nCopies(200000, new Command(oldId: zero, newId: one, refName: 'refs/heads/' + 'ä' * 50))
}
if (args[1] == 'broken') {
	binding.variables.remove('repository')
}
def result = new GroovyShell(binding).evaluate(new File(args[0]))
println "result: $result"
Thread.allStackTraces.keySet().findAll { it.name == 'issuetrail' }.each {
	if (!it.daemon) println 'not a daemon'
	it.join()
}
`

// runGitBlit gives what the runner printed.
func runGitBlit(t *testing.T, url, secret string, args ...string) string {
	t.Helper()
	dir := t.TempDir()
	text := strings.NewReplacer("https://trail.example.com/webhooks/gitblit", url, "/etc/issuetrail-hook/secret", dir+"/secret",
		"[0, 2000, 8000]", "[0, 20, 20]", "= 3000", "= 300").Replace(GitBlit)
	if strings.Contains(text, "000]") || strings.Contains(text, "= 3000") {
		t.Fatal("the script's waits were not found")
	}
	write(t, dir+"/issuetrail.groovy", text, 0o644)
	write(t, dir+"/gitblit.groovy", gitBlit, 0o644)
	if secret != "" {
		write(t, dir+"/secret", secret, 0o600)
	}
	cmd := exec.Command("groovy", append([]string{"-c", "UTF-8", dir + "/gitblit.groovy", dir + "/issuetrail.groovy"}, args...)...)
	cmd.Env = append(os.Environ(), "JAVA_HOME="+javaHome(t))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out)
}

// javaHome is that of the java in PATH: Debian's groovy guesses one that need not exist.
func javaHome(t *testing.T) string {
	t.Helper()
	java, err := exec.LookPath("java")
	if err != nil {
		t.Fatal(err)
	}
	if java, err = filepath.EvalSymlinks(java); err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(filepath.Dir(java))
}

func TestGitBlit(t *testing.T) {
	server, got := listen(t)
	out := runGitBlit(t, server.URL, "\uFEFF\r\n \t secret öf the test \r\nother\n", "whole")
	if out != "result: true\n" {
		t.Errorf("printed %q", out)
	}
	d := next(t, got)
	zero, one := strings.Repeat("0", 40), strings.Repeat("a", 40)
	if want := "repo proj/große.git\n" + zero + " " + one + " refs/heads/main\n" + one + " " + zero + " refs/tags/v1\n"; d.body != want {
		t.Errorf("body %q, want %q", d.body, want)
	}
	if d.header.Get("X-Hub-Signature-256") != d.signature("secret öf the test") {
		t.Error("the signature is wrong")
	}
	if len(d.header.Get("X-Delivery")) != 36 || len(d.header.Get("X-Timestamp")) != 10 || d.header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("headers %v", d.header)
	}
}

// TestGitBlitMoreThanIsTaken: of a push whose list of refs the daemon would refuse for its length,
// the repository alone is told.
func TestGitBlitMoreThanIsTaken(t *testing.T) {
	server, got := listen(t)
	out := runGitBlit(t, server.URL, "k", "huge")
	if d := next(t, got); d.body != "repo proj/große.git\n" || d.header.Get("X-Hub-Signature-256") != d.signature("k") {
		t.Errorf("printed %q, told %d bytes", out, len(d.body))
	}
}

func TestGitBlitIsToldAgain(t *testing.T) {
	var ids []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if ids = append(ids, r.Header.Get("X-Delivery")); len(ids) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	if out := runGitBlit(t, server.URL, "k", "whole"); out != "result: true\n" || len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("printed %q, told %v", out, ids)
	}
}

// TestGitBlitTrouble: whatever is wrong is one line of GitBlit's log, and the scripts after this one run.
func TestGitBlitTrouble(t *testing.T) {
	wrong := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }))
	defer wrong.Close()
	for _, c := range []struct{ name, secret, mode, line string }{
		{"wrong secret", "k-e-y", "whole", "the answer was 401"},
		{"no secret file", "", "whole", "was not told: java.io.FileNotFoundException"},
		{"empty secret file", " \n", "whole", "holds no secret"},
		{"no repository", "k-e-y", "broken", "the push was not told: groovy.lang.MissingPropertyException"},
	} {
		t.Run(c.name, func(t *testing.T) {
			out := runGitBlit(t, wrong.URL, c.secret, c.mode)
			if !strings.Contains(out, "result: true\n") || strings.Count(out, "warned: issuetrail: ") != 1 || !strings.Contains(out, c.line) || strings.Contains(out, "k-e-y") {
				t.Errorf("printed %q", out)
			}
		})
	}
}

// TestGitBlitDoesNotWait: the script is over while the server still holds the request.
func TestGitBlitDoesNotWait(t *testing.T) {
	release := make(chan bool)
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer server.Close()
	defer close(release)
	out := runGitBlit(t, server.URL, "k", "whole")
	if !strings.HasPrefix(out, "result: true\nwarned: ") {
		t.Errorf("printed %q", out)
	}
}
