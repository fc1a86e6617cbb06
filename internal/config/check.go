package config

import (
	"net"
	"net/netip"
	"net/url"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// A checker looks at what the decoder read: single values first, then how they
// fit together. It goes on after a problem.
type checker struct {
	*decoder
	Checks
	cfg *Config
}

func (c *checker) all() {
	c.server()
	c.database()
	c.sync()
	c.issues()
	c.jira()
	c.hosts()
	c.repositories()
}

// maxSocketPath is what the kernel takes as the address of a Unix socket, in bytes.
const maxSocketPath = 107

func (c *checker) server() {
	s := &c.cfg.Server
	c.listen("server.listen", s.Listen)
	if s.WebhookListen != "" {
		c.listen("server.webhook_listen", s.WebhookListen)
		if s.WebhookListen == s.Listen && !strings.HasSuffix(s.Listen, ":0") {
			c.problem("server.webhook_listen", "is the same address as server.listen")
		}
	}
	socket := "server.control_socket"
	if s.ControlSocket == "" {
		s.ControlSocket = c.controlSocket()
		socket = "data_dir"
	}
	if n := len(s.ControlSocket); n > maxSocketPath {
		c.problem(socket, "makes the path of the control socket %d bytes long; %d are possible. Set server.control_socket", n, maxSocketPath)
	}
	c.webAddress("server.public_url", &s.PublicURL)
	switch {
	case s.TLS.CertFile != "" && s.TLS.KeyFile == "" && !c.refused("server.tls.key_file"):
		c.problem("server.tls", "cert_file is given and key_file is not; TLS needs both")
	case s.TLS.KeyFile != "" && s.TLS.CertFile == "" && !c.refused("server.tls.cert_file"):
		c.problem("server.tls", "key_file is given and cert_file is not; TLS needs both")
	}
	if c.cfg.DataDir == "" {
		c.problem("data_dir", "is empty")
	}
}

// controlSocket is where the socket lies when the file does not say it. systemd may
// list several folders; the first is ours.
func (c *checker) controlSocket() string {
	if dirs, _ := c.Lookup("RUNTIME_DIRECTORY"); dirs != "" {
		dir, _, _ := strings.Cut(dirs, ":")
		return filepath.Join(dir, "control.sock")
	}
	return filepath.Join(c.cfg.DataDir, "control.sock")
}

// database never shows the URL: it may hold a password.
func (c *checker) database() {
	text := c.cfg.Database.URL
	if p := c.cfg.Key.PassphraseFile; p != "" && c.cfg.Key.File == "" && !c.refused("key.file") {
		c.problem("key.passphrase_file", "is used with key.file only, and key.file is not given")
	}
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		c.problem("database.url", "is not a PostgreSQL address; want postgres://user@host:5432/name, or nothing for SQLite")
		return
	}
	if c.cfg.Key.MasterKeyFile == "" && !c.refused("key.master_key_file") {
		c.problem("key.master_key_file", "is required with PostgreSQL: all nodes share the one key it encrypts. Make one: openssl rand -hex 32")
	}
}

func (c *checker) sync() {
	s := c.cfg.Sync
	c.schedule("sync.schedule", s.Schedule, false)
	c.globs("sync.refs.include", s.Refs.Include)
	c.globs("sync.refs.exclude", s.Refs.Exclude)
}

// schedule checks a cron spec; an empty one may mean the default.
func (c *checker) schedule(path, spec string, mayBeEmpty bool) {
	switch {
	case spec == "" && mayBeEmpty:
	case spec == "":
		c.again(path, "is empty; want a cron spec such as \"@every 15m\"")
	case c.Schedule != nil:
		if err := c.Schedule(spec); err != nil {
			c.again(path, "%v", err)
		}
	}
}

// again notes a problem unless the value was refused already.
func (c *checker) again(path, format string, args ...any) {
	if !c.refused(path) {
		c.problem(path, format, args...)
	}
}

func (c *checker) globs(key string, list []string) {
	for i, glob := range list {
		if _, err := path.Match(glob, "x"); err != nil {
			c.again(index(key, i), "%s is not a glob: a bracket is not closed, or a backslash ends it", quote(glob))
		} else if glob == "" {
			c.again(index(key, i), "is empty")
		} else if strings.HasPrefix(glob, "refs/") {
			c.again(index(key, i), "globs are over short names%s", suggestion(strings.TrimPrefix(glob, "refs/heads/")))
		}
	}
}

func index(path string, i int) string { return path + "[" + strconv.Itoa(i) + "]" }

// listen checks "host:port"; the host may be empty, a name or an address.
func (c *checker) listen(path, text string) {
	host, port, err := net.SplitHostPort(text)
	n, portErr := strconv.ParseUint(port, 10, 16)
	switch {
	case err != nil && strings.Contains(text, "://"):
		c.again(path, "%s is a URL; want host:port, such as 127.0.0.1:8080", quote(text))
	case err != nil:
		c.again(path, "%s is not an address; want host:port, such as 127.0.0.1:8080 or [::1]:8080", quote(text))
	case portErr != nil || n > 65535:
		c.again(path, "%s is not a port", quote(port))
	case strings.ContainsAny(host, " /\t\n") || looksNumeric(host) && !isAddress(host):
		c.again(path, "%s is not a host name or address", quote(host))
	}
}

func isAddress(host string) bool { _, err := netip.ParseAddr(host); return err == nil }

func looksNumeric(host string) bool { return host != "" && strings.Trim(host, "0123456789.") == "" }
