package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"issuetrail/internal/api/client"
	"issuetrail/internal/api/wire"
	"issuetrail/internal/testpg"
	"issuetrail/internal/testssh"
)

// runMain in the environment makes the test binary the program itself, so that
// tests can start it, signal it and kill it.
const runMain = "ISSUETRAIL_TEST_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(runMain) != "" {
		main()
	}
	testpg.Main(m)
}

// secretText is the webhook secret of all hosts in these tests.
const secretText = "0123456789abcdef0123456789abcdef"

// A world is a real sshd with repositories, and a daemon that may be started,
// killed and started again.
type world struct {
	t    *testing.T
	ssh  *testssh.Server
	dir  string // of the config
	log  string // file of what the daemon logs
	base string // http://127.0.0.1:port of the running daemon
	cmd  *exec.Cmd
	gone chan struct{} // closed when cmd has ended
	api  *client.Client
	env  []string // further environment of the next start
	head string   // config lines before hosts and repositories

	enter []string // command that the program is run by; empty = none
}

// newWorld makes an sshd and a config with a host of each implemented kind.
func newWorld(t *testing.T, o testssh.Options) *world {
	t.Helper()
	return newWorldOn(t, testssh.Start(t, o))
}

// newWorldOn is newWorld on an sshd that others use too.
func newWorldOn(t *testing.T, server *testssh.Server) *world {
	t.Helper()
	w := &world{t: t, ssh: server, dir: t.TempDir(), head: "issues: {projects: [APP, OPS]}\n"}
	w.log = filepath.Join(w.dir, "log")
	w.write("key.pem", string(w.ssh.ClientKeyPEM))
	w.write("known_hosts", w.ssh.KnownHosts())
	w.write("secret", secretText+"\n")
	t.Cleanup(func() {
		w.kill()
		if t.Failed() {
			text, _ := os.ReadFile(w.log)
			t.Logf("the daemon's log:\n%s", tail(text, 6000))
		}
	})
	return w
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }

func (w *world) write(name, text string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// config writes config.yaml with these repositories, each a URL or the YAML of an entry.
func (w *world) config(repos ...string) {
	w.t.Helper()
	text := fmt.Sprintf("data_dir: data\nserver: {listen: \"127.0.0.1:0\", control_socket: %q}\n"+
		"known_hosts_file: known_hosts\n%s", w.socket(), w.head)
	if !strings.Contains(w.head, "key:") {
		text += "key: {file: key.pem}\n"
	}
	if !strings.Contains(w.head, "sync:") {
		text += "sync: {allow_addresses: [127.0.0.0/8]}\n"
	}
	text += "hosts:\n"
	for _, kind := range []string{"github", "gitlab", "git"} {
		text += fmt.Sprintf("  - {name: %s, kind: %s, web_url: \"https://%s.example\", webhook_secret_file: secret}\n", kind, kind, kind)
	}
	if len(repos) > 0 {
		text += "repositories:\n"
	}
	for _, r := range repos {
		if strings.HasPrefix(r, "ssh://") {
			r = fmt.Sprintf("{url: %q, host: github}", r)
		}
		text += "  - " + r + "\n"
	}
	w.write("config.yaml", text)
}

// socket lies in /tmp: a unix socket's path has 107 bytes at most.
func (w *world) socket() string { return filepath.Join(w.dir, "control.sock") }

func (w *world) program(args ...string) *exec.Cmd {
	line := append(append(slices.Clone(w.enter), os.Args[0]), args...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = w.dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", runMain + "=1", "ISSUETRAIL_SOCKET=" + w.socket()}, w.env...)
	return cmd
}

// run runs a command of the program and gives its output and exit status.
func (w *world) run(args ...string) (stdout, stderr string, code int) {
	w.t.Helper()
	var out, errs bytes.Buffer
	cmd := w.program(args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil && cmd.ProcessState == nil {
		w.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// start starts the daemon and waits until it is ready; false if it ended instead.
func (w *world) start() bool {
	w.t.Helper()
	log, err := os.Create(w.log)
	if err != nil {
		w.t.Fatal(err)
	}
	defer log.Close()
	w.cmd = w.program("serve")
	w.cmd.Stdout, w.cmd.Stderr = log, log
	if err := w.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.gone = make(chan struct{})
	go func(cmd *exec.Cmd, gone chan struct{}) { _ = cmd.Wait(); close(gone) }(w.cmd, w.gone)
	ready := false
	w.until("the daemon is ready", func() bool {
		if w.dead() {
			return true
		}
		addr := w.readyLine()
		w.base, ready = "http://"+addr, addr != ""
		return ready
	})
	if !ready {
		return false
	}
	if w.api != nil {
		w.api.Close()
	}
	if w.api, err = client.New(client.Options{Socket: w.socket()}); err != nil {
		w.t.Fatal(err)
	}
	return true
}

// dead says whether the daemon that was started last has ended.
func (w *world) dead() bool {
	select {
	case <-w.gone:
		return true
	default:
		return false
	}
}

// readyLine is the address in the log's line "ready".
func (w *world) readyLine() string {
	f, err := os.Open(w.log)
	if err != nil {
		return ""
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		var line struct{ Msg, Listen string }
		if json.Unmarshal(s.Bytes(), &line) == nil && line.Msg == "ready" {
			return line.Listen
		}
	}
	return ""
}

// mustStart is start for a daemon that must come up.
func (w *world) mustStart() {
	w.t.Helper()
	if !w.start() {
		w.t.Fatal("the daemon ended at once")
	}
}

// kill sends SIGKILL and waits for the end.
func (w *world) kill() { w.stop(syscall.SIGKILL) }

// stop sends a signal, waits for the end and gives the exit status.
func (w *world) stop(s syscall.Signal) int {
	if w.cmd == nil || w.cmd.Process == nil {
		return 0
	}
	_ = w.cmd.Process.Signal(s)
	<-w.gone
	code := w.cmd.ProcessState.ExitCode()
	w.cmd = nil
	if w.api != nil {
		w.api.Close()
	}
	return code
}

// until waits for a condition, a minute at most.
func (w *world) until(what string, done func() bool) {
	w.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(time.Minute); !done(); <-tick.C {
		if time.Now().After(end) {
			w.t.Fatalf("never came: %s", what)
		}
	}
}

// repos lists the repositories by name.
func (w *world) repos() map[string]wire.Repository {
	w.t.Helper()
	all := map[string]wire.Repository{}
	for r, err := range w.api.Repositories(context.Background()) {
		if err != nil {
			w.t.Fatal(err)
		}
		all[filepath.Base(r.Name)] = r
	}
	return all
}

// synced waits until the repository's sync that was asked for is done.
func (w *world) synced(name string) wire.Repository {
	w.t.Helper()
	var r wire.Repository
	w.until(name+" is synced", func() bool {
		r = w.repos()[name]
		return !r.LastSyncedAt.IsZero() && r.State == "idle"
	})
	return r
}

// issue reads an issue.
func (w *world) issue(key string) wire.Issue {
	w.t.Helper()
	i, err := w.api.Issue(context.Background(), key, false, 1000, "")
	if err != nil {
		w.t.Fatal(err)
	}
	return i
}

// linked says whether a commit is linked to an issue.
func (w *world) linked(key, hash string) bool {
	w.t.Helper()
	for _, c := range w.issue(key).Commits {
		if c.Hash == hash {
			return true
		}
	}
	return false
}

// pushBody is GitHub's push of a ref of a repository whose path ends with name.
func pushBody(name, ref, hash string) string {
	return fmt.Sprintf(`{"ref":%q,"before":"%040d","after":%q,"repository":{"id":7,"full_name":%q,"ssh_url":"git@github.com:%s.git"}}`,
		ref, 0, hash, name, name)
}

// deliver sends a signed GitHub delivery and gives the status and the answer.
func (w *world) deliver(id, body string) (int, map[string]any) {
	w.t.Helper()
	mac := hmac.New(sha256.New, []byte(secretText))
	mac.Write([]byte(body))
	return w.post("/webhooks/github", body, map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": "push", "X-GitHub-Delivery": id,
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	})
}

// post gives status 0 when the daemon does not answer.
func (w *world) post(path, body string, header map[string]string) (int, map[string]any) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	for k, v := range header {
		req.Header.Set(k, v)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	var answer map[string]any
	_ = json.NewDecoder(res.Body).Decode(&answer)
	return res.StatusCode, answer
}

// metric reads one value from /metrics; 0 if it is not there.
func (w *world) metric(name string) float64 {
	w.t.Helper()
	v, err := w.readMetric(name)
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

// readMetric is metric for a daemon that may have died.
func (w *world) readMetric(name string) (v float64, err error) {
	res, err := http.Get(w.base + "/metrics")
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	s := bufio.NewScanner(res.Body)
	for s.Scan() {
		if value, ok := strings.CutPrefix(s.Text(), name+" "); ok {
			_, err := fmt.Sscan(value, &v)
			return v, err
		}
	}
	return 0, s.Err()
}
