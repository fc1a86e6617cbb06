package testssh

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// Options say what kind of server is wanted. The zero value is the friendliest
// one: protocol v2, partial clones, an Ed25519 host key.
type Options struct {
	NoProtocolV2   bool     // sshd refuses the variable GIT_PROTOCOL, as Debian's does by default
	NoFilter       bool     // uploadpack.allowFilter stays off
	HostKeyTypes   []string // of "ed25519", "ecdsa", "rsa"; empty = ed25519
	HostKeyFiles   []string // private host keys to use in place of new ones; HostKeys stays empty then
	PubkeyAccepted string   // PubkeyAcceptedAlgorithms of sshd_config; "" = its default
	RefuseKey      bool     // authorized_keys stays empty
	Config         []string // further lines of sshd_config
	GitConfig      []string // further git settings of the served repositories, "key=value"
}

// A Server is a running sshd. It stops with the test.
type Server struct {
	Port         int
	Root         string          // folder of the repositories, absolute
	ClientKeyPEM []byte          // private key that may log in: RSA, PKCS#1 PEM, no passphrase
	Signer       ssh.Signer      // the same key
	HostKeys     []ssh.PublicKey // one of each type of Options.HostKeyTypes

	tb  testing.TB
	dir string
	mu  sync.Mutex
	cmd *exec.Cmd
}

// programs are where Debian and most other systems put sshd, which is seldom in
// the PATH and wants to be called by its full path.
var programs = []string{"/usr/sbin/sshd", "/usr/local/sbin/sshd", "/usr/bin/sshd"}

// Start runs a server and waits until it answers. The test fails if sshd
// is not installed.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	dir := tb.TempDir()
	s := &Server{tb: tb, dir: dir, Root: filepath.Join(dir, "srv")}
	must(tb, os.Mkdir(s.Root, 0o700))
	s.ClientKeyPEM, s.Signer = ClientKey(tb)
	if len(o.HostKeyFiles) == 0 {
		s.writeHostKeys(o.HostKeyTypes)
	}
	authorized := ssh.MarshalAuthorizedKey(s.Signer.PublicKey())
	if o.RefuseKey {
		authorized = nil
	}
	must(tb, os.WriteFile(filepath.Join(dir, "authorized_keys"), authorized, 0o600))
	if os.Geteuid() == 0 {
		must(tb, os.MkdirAll("/run/sshd", 0o755)) // privilege separation wants it
	}
	tb.Cleanup(s.Stop)
	for try := 0; ; try++ {
		s.Port = freePort(tb)
		s.writeConfig(o)
		if s.run() {
			return s
		}
		if try == 3 {
			tb.Fatalf("sshd does not start:\n%s", s.Log())
		}
	}
}

// Host is the address the server listens on. It is a loopback address: the
// product must be told to allow it.
func (s *Server) Host() string { return "127.0.0.1" }

// HostPort is "host:port".
func (s *Server) HostPort() string { return fmt.Sprintf("%s:%d", s.Host(), s.Port) }

// User is the account that the client logs in to: the one that runs the tests.
func (s *Server) User() string { return userName(s.tb) }

// URL is the clone URL of a repository: of a name below Root, or of an
// absolute path.
func (s *Server) URL(repo string) string {
	if !filepath.IsAbs(repo) {
		repo = filepath.Join(s.Root, repo)
	}
	return fmt.Sprintf("ssh://%s@%s%s", s.User(), s.HostPort(), repo)
}

// KnownHosts are the lines of a known_hosts file that trusts the server.
func (s *Server) KnownHosts() string {
	var b strings.Builder
	for _, k := range s.HostKeys {
		fmt.Fprintf(&b, "[%s]:%d %s", s.Host(), s.Port, ssh.MarshalAuthorizedKey(k))
	}
	return b.String()
}

// Log is what sshd has written so far.
func (s *Server) Log() string {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return string(b)
}

// Stop kills the server and all its connections. It may be called twice.
func (s *Server) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return
	}
	// Each connection has a process, in a session of its own, that would live on.
	children := descendants(s.cmd.Process.Pid)
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	for _, pid := range append(children, s.late(children)...) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	s.cmd = nil
}

// Restart stops the server and starts it on the same port, with the same keys.
func (s *Server) Restart() {
	s.tb.Helper()
	s.Stop()
	for range 20 { // the port may be held for a moment by dying connections
		if s.run() {
			return
		}
	}
	s.tb.Fatalf("sshd does not start again:\n%s", s.Log())
}

// run starts sshd and says whether it came to answer.
func (s *Server) run() bool {
	log, err := os.OpenFile(filepath.Join(s.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	must(s.tb, err)
	defer log.Close()
	cmd := exec.Command(program(s.tb), "-D", "-e", "-f", filepath.Join(s.dir, "sshd_config"))
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = []string{"PATH=" + os.Getenv("PATH")}
	must(s.tb, cmd.Start())
	s.mu.Lock()
	s.cmd = cmd
	s.mu.Unlock()
	if s.answers(10 * time.Second) {
		return true
	}
	s.Stop()
	return false
}

// answers says whether sshd sends its banner within the time. It gives up
// at once when the process has ended.
func (s *Server) answers(within time.Duration) bool {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(within); time.Now().Before(end); <-tick.C {
		if exited(s.cmd.Process.Pid) {
			return false
		}
		c, err := net.DialTimeout("tcp", s.HostPort(), time.Second)
		if err != nil {
			continue
		}
		_ = c.SetReadDeadline(time.Now().Add(2 * time.Second))
		banner := make([]byte, 4)
		_, err = c.Read(banner)
		c.Close()
		if err == nil && string(banner) == "SSH-" {
			return true
		}
	}
	return false
}

// late are descendants that came after the list was made.
func (s *Server) late(of []int) (out []int) {
	for _, pid := range of {
		out = append(out, descendants(pid)...)
	}
	return out
}

// descendants are the processes below one, as Linux lists them.
func descendants(pid int) (out []int) {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, list := range lists {
		b, _ := os.ReadFile(list)
		for word := range strings.FieldsSeq(string(b)) {
			if child, err := strconv.Atoi(word); err == nil {
				out = append(append(out, child), descendants(child)...)
			}
		}
	}
	return out
}

// exited says whether the child is a zombie, without reaping it.
func exited(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return os.IsNotExist(err) && hasProc()
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z")
}

func hasProc() bool {
	_, err := os.Stat("/proc/self/stat")
	return err == nil
}

func program(tb testing.TB) string {
	tb.Helper()
	for _, p := range programs {
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	tb.Fatal("sshd is not installed (Debian: apt-get install openssh-server)")
	return ""
}

func freePort(tb testing.TB) int {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func userName(tb testing.TB) string {
	u, err := user.Current()
	must(tb, err)
	return u.Username
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
