package testssh

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// HostOptions say how a Host differs from sshd. It has an RSA host key.
type HostOptions struct {
	Old               bool     // it is older than SHA-2 signatures: SHA-1, and no word of extensions
	HostKeyAlgorithms []string // how the host key signs; nil = rsa-sha2-256 and rsa-sha2-512
	KeyAlgorithms     []string // how users may sign; nil = the same two
	AnyKey            bool     // every RSA key logs in, and the command tells of a wrong one
	OneSession        bool     // a second session ends the connection without a word
	HangUp            bool     // a key that is refused ends the connection without a word
	MaxAuthTries      int      // refusals until the connection ends, with a word; 0 = 6
	// Folder gives the repository of a path that a client asks for, "" = there is none.
	// nil = below Root, without the leading slash.
	Folder func(path string) string
	// Wrap stands between the client and git-upload-pack, which speaks version 0; nil = nothing.
	Wrap func(c Conversation) (exit int)
	// Commands are what else can be run; they end when their input does.
	Commands map[string]func(c Conversation) (exit int)
}

// A Conversation is one command that a client runs.
type Conversation struct {
	In       io.Reader
	Out, Err io.Writer
	// Git runs git-upload-pack in the repository with other ends than the client's.
	Git func(in io.Reader, out io.Writer) (exit int)
}

// A Host is an SSH server of Go's own making, for what OpenSSH does not do. It stops
// with the test.
type Host struct {
	Root    string        // folder of the repositories, absolute
	Signer  ssh.Signer    // the RSA key that may log in, as every Server's
	HostKey ssh.PublicKey // RSA

	tb       testing.TB
	o        HostOptions
	config   *ssh.ServerConfig
	old      ssh.Signer // the host key, for an old server
	listener net.Listener
	wg       sync.WaitGroup

	mu       sync.Mutex
	conns    map[net.Conn]struct{}
	commands []string
	logins   []string
}

// StartHost runs a Host on loopback.
func StartHost(tb testing.TB, o HostOptions) *Host {
	tb.Helper()
	h := &Host{Root: tb.TempDir(), tb: tb, o: o, conns: map[net.Conn]struct{}{}}
	_, h.Signer = ClientKey(tb)
	_, host := NewKey(tb)
	h.HostKey = host.PublicKey()
	h.config, h.old = h.serverConfig(host), host
	var err error
	h.listener, err = net.Listen("tcp", "127.0.0.1:0")
	must(tb, err)
	h.wg.Go(h.accept)
	tb.Cleanup(h.Stop)
	return h
}

// Stop ends the server and all its connections. It may be called twice.
func (h *Host) Stop() {
	h.listener.Close()
	h.mu.Lock()
	for c := range h.conns {
		c.Close()
	}
	h.mu.Unlock()
	h.wg.Wait()
}

// HostPort is where the server listens, "host:port".
func (h *Host) HostPort() string { return h.listener.Addr().String() }

// URL is an address of a path on the server, ssh:// and the user git.
func (h *Host) URL(path string) string {
	return "ssh://git@" + h.HostPort() + "/" + strings.TrimPrefix(path, "/")
}

// KnownHosts is the line of a known_hosts file that trusts the server.
func (h *Host) KnownHosts() string {
	host, port, _ := net.SplitHostPort(h.HostPort())
	return fmt.Sprintf("[%s]:%s %s", host, port, ssh.MarshalAuthorizedKey(h.HostKey))
}

// InitRepo makes an empty bare repository below Root and gives its path.
func (h *Host) InitRepo(name string) string {
	h.tb.Helper()
	return (&Server{tb: h.tb, Root: h.Root}).InitRepo(name)
}

// Commands are the command lines that clients sent, in order.
func (h *Host) Commands() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.commands)
}

// Logins are the keys that clients offered, "algorithm SHA256:…", in order. One that is
// accepted is offered twice: without and with its signature.
func (h *Host) Logins() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.logins)
}

func (h *Host) ran(command string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.commands = append(h.commands, command)
}

func (h *Host) accept() {
	for {
		c, err := h.listener.Accept()
		if err != nil {
			return
		}
		h.mu.Lock()
		h.conns[c] = struct{}{}
		h.mu.Unlock()
		h.wg.Go(func() {
			h.serve(c)
			c.Close()
			h.mu.Lock()
			delete(h.conns, c)
			h.mu.Unlock()
		})
	}
}

func (h *Host) serve(raw net.Conn) {
	if h.o.Old {
		h.serveOld(raw, h.old)
		return
	}
	c, channels, requests, err := ssh.NewServerConn(raw, h.configOf(raw))
	if err != nil {
		return
	}
	h.wg.Go(func() { ssh.DiscardRequests(requests) })
	sessions := 0
	for n := range channels {
		if n.ChannelType() != "session" {
			_ = n.Reject(ssh.UnknownChannelType, "")
			continue
		}
		ch, requests, err := n.Accept()
		if err != nil {
			return
		}
		sessions++
		doomed := h.o.OneSession && sessions > 1
		h.wg.Go(func() {
			for r := range requests {
				var p struct{ Command string }
				ok := r.Type == "exec" && ssh.Unmarshal(r.Payload, &p) == nil
				_ = r.Reply(ok, nil)
				if ok && doomed {
					c.Close()
				} else if ok {
					h.wg.Go(func() { h.session(c, ch, p.Command) })
				}
			}
		})
	}
}

// session runs one command to its end.
func (h *Host) session(c *ssh.ServerConn, ch ssh.Channel, command string) {
	h.ran(command)
	exit := h.run(Conversation{In: ch, Out: ch, Err: ch.Stderr()}, command, c.Permissions.Extensions["known"] == "true")
	_, _ = ch.SendRequest("exit-status", false, ssh.Marshal(struct{ Status uint32 }{uint32(exit)}))
	ch.Close()
}

func (h *Host) run(c Conversation, command string, known bool) (exit int) {
	if run := h.o.Commands[command]; run != nil {
		return run(c)
	}
	quoted, ok := strings.CutPrefix(command, "git-upload-pack ")
	if !ok {
		fmt.Fprintln(c.Err, "remote: Shell access is not supported.")
		return 1
	}
	if !known {
		fmt.Fprintln(c.Err, "remote: Public key authentication failed.")
		return 1
	}
	dir := h.folder(unquote(quoted))
	if _, err := os.Stat(filepath.Join(dir, "HEAD")); dir == "" || err != nil {
		fmt.Fprintf(c.Err, "fatal: %s does not appear to be a git repository\n", quoted)
		return 128
	}
	c.Git = func(in io.Reader, out io.Writer) int { return uploadPack(dir, in, out, c.Err) }
	if h.o.Wrap != nil {
		return h.o.Wrap(c)
	}
	return c.Git(c.In, c.Out)
}

func (h *Host) folder(path string) string {
	if h.o.Folder != nil {
		return h.o.Folder(path)
	}
	return filepath.Join(h.Root, filepath.Clean("/"+path))
}

// unquote undoes what git does to a path for the server's shell.
func unquote(s string) string {
	var b strings.Builder
	for quoted := false; s != ""; s = s[1:] {
		switch {
		case s[0] == '\'':
			quoted = !quoted
			continue
		case s[0] == '\\' && !quoted && len(s) > 1:
			s = s[1:]
		}
		b.WriteByte(s[0])
	}
	return b.String()
}

// uploadPack runs git's own, with the filter allowed.
func uploadPack(dir string, in io.Reader, out, errs io.Writer) int {
	cmd := exec.Command("git", "-c", "uploadpack.allowFilter=true", "upload-pack", dir)
	cmd.Env, cmd.Stdout, cmd.Stderr = Environ(), out, errs
	stdin, err := cmd.StdinPipe()
	if err != nil || cmd.Start() != nil {
		return 127
	}
	go func() { // ends when the client's side does, which may be after git
		_, _ = io.Copy(stdin, in)
		stdin.Close()
	}()
	_ = cmd.Wait()
	return cmd.ProcessState.ExitCode()
}
