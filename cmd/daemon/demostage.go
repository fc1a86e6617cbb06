package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/config"
	"issuetrail/internal/demo"
	"issuetrail/internal/hosts"
	"issuetrail/internal/keystore"
)

// A stage is all that the demo runs on.
type stage struct {
	out    io.Writer
	dir    string
	socket string // the control socket; often in dir
	repo   *demo.Repo
	server *demo.Server
	secret string
	app    *app
}

// maxSocketPath is the longest path of a unix socket on Linux, in bytes.
const maxSocketPath = 107

// newStage makes the folders of a demo. A deep TMPDIR leaves no room for the path of a
// socket, which then lies in a folder of its own.
func newStage(out io.Writer) (*stage, error) {
	dir, err := os.MkdirTemp("", "issuetrail-demo-")
	if err != nil {
		return nil, fmt.Errorf("folder for temporary files (TMPDIR): %w", err)
	}
	s := &stage{out: out, dir: dir, socket: filepath.Join(dir, "control.sock")}
	if len(s.socket) <= maxSocketPath {
		return s, nil
	}
	short, err := os.MkdirTemp("/tmp", "issuetrail-demo-")
	if err != nil {
		s.close()
		return nil, fmt.Errorf("TMPDIR is too deep for a socket: %w", err)
	}
	s.socket = filepath.Join(short, "control.sock")
	return s, nil
}

// prepare makes the repository, the key, the SSH server and the daemon.
func (s *stage) prepare(ctx context.Context, listen string) (err error) {
	root := filepath.Join(s.dir, "git")
	if s.repo, err = demo.MakeRepo(root); err != nil {
		return err
	}
	client, err := newSigner(filepath.Join(s.dir, "shared-key.pem"))
	if err != nil {
		return err
	}
	hostKey, err := newSigner("")
	if err != nil {
		return err
	}
	if s.server, err = demo.Serve(root, hostKey, client.PublicKey()); err != nil {
		return err
	}
	url := fmt.Sprintf("ssh://git@%s/%s.git", s.server.Addr(), s.repo.Name)
	s.say("A sample repository is served over SSH at", url)
	s.say("The shared RSA key is", ssh.FingerprintSHA256(client.PublicKey()))
	var secret [32]byte
	_, _ = rand.Read(secret[:])
	s.secret = hex.EncodeToString(secret[:])
	known := fmt.Sprintf("[127.0.0.1]:%s %s", s.server.Addr()[strings.LastIndexByte(s.server.Addr(), ':')+1:], ssh.MarshalAuthorizedKey(hostKey.PublicKey()))
	for name, text := range map[string]string{"webhook-secret": s.secret + "\n", "known_hosts": known} {
		if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	s.app, err = newApp(ctx, s.config(listen, url), "", zap.NewNop())
	return err
}

// newSigner makes a key, and writes it to a file where one is named. 2048 bits, because
// the demo should not wait for a longer one.
func newSigner(file string) (ssh.Signer, error) {
	key, err := keystore.GenerateRSA(keystore.MinBits)
	if err != nil {
		return nil, err
	}
	if file != "" {
		if err := os.WriteFile(file, keystore.EncodePEM(key), 0o600); err != nil {
			return nil, err
		}
	}
	return ssh.NewSignerFromKey(key)
}

func (s *stage) config(listen, url string) *config.Config {
	cfg := config.Defaults()
	host := hosts.All()[0].Kind() // the first of the list is the one whose delivery demo.Delivery makes
	cfg.DataDir = filepath.Join(s.dir, "data")
	cfg.Server.ControlSocket = s.socket
	cfg.Server.Listen = s.freeAddress(listen)
	cfg.Key.File = filepath.Join(s.dir, "shared-key.pem")
	cfg.KnownHostsFile = filepath.Join(s.dir, "known_hosts")
	cfg.Sync.AllowAddresses = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	cfg.Issues.Projects = []string{"APP", "OPS"}
	cfg.Hosts = []config.Host{{
		Name: host, Kind: host, WebURL: hosts.DefaultWeb(host), SSHHost: "127.0.0.1",
		WebhookSecretFile: filepath.Join(s.dir, "webhook-secret"),
	}}
	cfg.Repositories = []config.Repository{{URL: url}}
	return cfg
}

// freeAddress is addr, or a free port of the same host if addr is in use.
func (s *stage) freeAddress(addr string) string {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		_ = l.Close()
	}
	host, _, _ := net.SplitHostPort(addr)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return addr // what else is wrong with it, the daemon says
	}
	s.say("In use, so another port is taken:", addr)
	return net.JoinHostPort(host, "0")
}

func (s *stage) say(what, value string) { fmt.Fprintf(s.out, "%-42s %s\n", what, value) }

func (s *stage) close() {
	if s.app != nil {
		s.app.close()
	}
	if s.server != nil {
		_ = s.server.Close()
	}
	_ = os.RemoveAll(filepath.Dir(s.socket))
	_ = os.RemoveAll(s.dir)
}
