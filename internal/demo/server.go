package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"

	"golang.org/x/crypto/ssh"
)

// A Server is an SSH server on loopback that serves the bare repositories below
// one folder to one key, read only, by running the machine's own git. It stands in
// for a git host in the demo, where an sshd may not be installed.
type Server struct {
	root   string
	config *ssh.ServerConfig
	listen net.Listener
	done   sync.WaitGroup
	mu     sync.Mutex
	conns  map[net.Conn]bool
}

// Serve starts a server on a free port of 127.0.0.1. It accepts the given client key
// alone and shows the given host key. Close ends it.
func Serve(root string, hostKey ssh.Signer, client ssh.PublicKey) (*Server, error) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo SSH server: %w", err)
	}
	s := &Server{root: root, listen: listen, conns: map[net.Conn]bool{}}
	s.config = &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if string(key.Marshal()) != string(client.Marshal()) {
				return nil, errors.New("unknown key")
			}
			return nil, nil
		},
	}
	s.config.AddHostKey(hostKey)
	s.done.Go(s.accept)
	return s, nil
}

// Addr is the server's "127.0.0.1:port".
func (s *Server) Addr() string { return s.listen.Addr().String() }

// Close stops listening, ends every connection and waits for their goroutines.
func (s *Server) Close() error {
	err := s.listen.Close()
	s.mu.Lock()
	for c := range s.conns {
		_ = c.Close()
	}
	s.mu.Unlock()
	s.done.Wait()
	return err
}

func (s *Server) accept() {
	for {
		conn, err := s.listen.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		s.mu.Unlock()
		s.done.Go(func() {
			s.serve(conn)
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// serve speaks SSH on one connection until it ends.
func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	_, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for ch := range channels {
		if ch.ChannelType() != "session" {
			_ = ch.Reject(ssh.UnknownChannelType, "sessions only")
			continue
		}
		channel, reqs, err := ch.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() { s.session(ctx, channel, reqs) })
	}
	cancel()
}

// session answers one channel: an environment variable, then one command.
func (s *Server) session(ctx context.Context, channel ssh.Channel, reqs <-chan *ssh.Request) {
	defer channel.Close()
	var protocol string
	for req := range reqs {
		switch req.Type {
		case "env":
			var env struct{ Name, Value string }
			ok := ssh.Unmarshal(req.Payload, &env) == nil && env.Name == "GIT_PROTOCOL"
			if ok {
				protocol = env.Value
			}
			_ = req.Reply(ok, nil)
		case "exec":
			var line struct{ Command string }
			if ssh.Unmarshal(req.Payload, &line) != nil {
				return
			}
			_ = req.Reply(true, nil)
			go ssh.DiscardRequests(reqs)
			code := s.exec(ctx, line.Command, protocol, channel)
			_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(struct{ Code uint32 }{code}))
			return
		default:
			_ = req.Reply(false, nil)
		}
	}
}

// uploadPack is the one command that a fetch sends.
var uploadPack = regexp.MustCompile(`^git[- ]upload-pack '(/?[A-Za-z0-9._/-]+)'$`)

// exec runs git upload-pack on a repository below the root, and nothing else.
func (s *Server) exec(ctx context.Context, command, protocol string, channel ssh.Channel) uint32 {
	m := uploadPack.FindStringSubmatch(command)
	if m == nil || strings.Contains(m[1], "..") {
		fmt.Fprintln(channel.Stderr(), "demo: only git-upload-pack on a repository of the demo")
		return 1
	}
	cmd := exec.CommandContext(ctx, "git", "upload-pack", filepath.Join(s.root, m[1]))
	cmd.Env = append(gitEnv(s.root), "GIT_PROTOCOL="+protocol)
	cmd.Stdout, cmd.Stderr = channel, channel.Stderr()
	stdin, err := cmd.StdinPipe() // a pipe: Wait must not wait for the client's end of file
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(channel.Stderr(), "demo:", err)
		return 1
	}
	go func() {
		_, _ = io.Copy(stdin, channel)
		_ = stdin.Close()
	}()
	if cmd.Wait() != nil {
		return 1
	}
	return 0
}

// gitEnv keeps the user's own git configuration out of the demo.
func gitEnv(home string) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + home, "LC_ALL=C",
		"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_AUTHOR_NAME=Dana Demo", "GIT_AUTHOR_EMAIL=dana@example.com",
		"GIT_COMMITTER_NAME=Dana Demo", "GIT_COMMITTER_EMAIL=dana@example.com",
		"GIT_CONFIG_COUNT=2",
		"GIT_CONFIG_KEY_0=uploadpack.allowFilter", "GIT_CONFIG_VALUE_0=true",
		"GIT_CONFIG_KEY_1=safe.directory", "GIT_CONFIG_VALUE_1=*",
	}
}
