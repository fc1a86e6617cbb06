package testssh

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Authorize lets these keys in from now on, and no other. Connections that are there
// stay, as with every sshd.
func (s *Server) Authorize(keys ...ssh.PublicKey) {
	s.tb.Helper()
	var lines bytes.Buffer
	for _, k := range keys {
		lines.Write(ssh.MarshalAuthorizedKey(k))
	}
	s.writeAuthorized(lines.Bytes())
}

// AuthorizeOnly lets each key in from now on, and no other, and shows it the repositories
// named, below Root: keys of different accounts, as at a big host.
func (s *Server) AuthorizeOnly(repos map[ssh.PublicKey][]string) {
	s.tb.Helper()
	var lines bytes.Buffer
	for k, names := range repos {
		script := filepath.Join(s.tb.TempDir(), "only")
		text := "#!/bin/sh\ncase \"$SSH_ORIGINAL_COMMAND\" in\n"
		for _, name := range names {
			text += fmt.Sprintf("\"git-upload-pack '%s'\") exec git-upload-pack '%[1]s' ;;\n", filepath.Join(s.Root, name))
		}
		text += "esac\necho 'ERROR: Repository not found.' >&2\nexit 1\n"
		must(s.tb, os.WriteFile(script, []byte(text), 0o700))
		fmt.Fprintf(&lines, "command=%q %s", script, ssh.MarshalAuthorizedKey(k))
	}
	s.writeAuthorized(lines.Bytes())
}

// writeAuthorized changes the file at once: a login reads the old one or the new one.
func (s *Server) writeAuthorized(text []byte) {
	s.tb.Helper()
	file := filepath.Join(s.dir, "authorized_keys")
	must(s.tb, os.WriteFile(file+".new", text, 0o600))
	must(s.tb, os.Rename(file+".new", file))
}

// Accepted are the fingerprints of the keys that logged in, "SHA256:…", in order.
func (s *Server) Accepted() []string { return s.logged("Accepted publickey") }

// Refused are the fingerprints of the keys that were refused, in order, as far as sshd tells.
func (s *Server) Refused() []string { return s.logged("Failed publickey") }

// logged gives the fingerprints in the log's lines of a kind.
func (s *Server) logged(kind string) (out []string) {
	for line := range strings.Lines(s.Log()) {
		if !strings.Contains(line, kind) {
			continue
		}
		if i := strings.Index(line, "SHA256:"); i >= 0 {
			out = append(out, strings.Fields(line[i:])[0])
		}
	}
	return out
}
