// Package testgit serves repositories over HTTPS in tests, by the real git http-backend
// behind a certificate authority of its own, with the faults that servers have.
package testgit

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"issuetrail/internal/testssh"
)

// Options say what kind of server is wanted. The zero value is the friendliest one: protocol
// v2, partial clones, HTTP/2, no login.
type Options struct {
	NoProtocolV2 bool     // the header Git-Protocol does not reach git
	NoFilter     bool     // uploadpack.allowFilter stays off
	GitConfig    []string // further git settings of the served repositories, "key=value"
	User, Token  string   // who may read; "" = everybody
	HTTP1        bool     // HTTP/2 is not spoken
	Certificate  Certificate
	// Wrap changes what the server does; next is the server as it would be without.
	Wrap func(next http.Handler) http.Handler
}

// A Request is one that came.
type Request struct {
	Method, Path, Query string
	Authorization       string
	Protocol            string // of git: the header Git-Protocol
	Major               int    // of HTTP
	Encoding            string // the header Content-Encoding
	Agent               string
	Host                string
}

// A Server is a running server. It stops with the test.
type Server struct {
	Root string // folder of the repositories, absolute
	CA   []byte // PEM of the authority

	tb       testing.TB
	o        Options
	http     *httptest.Server
	mu       sync.Mutex
	requests []Request
	conns    int
	token    string
}

// Start runs a server.
func Start(tb testing.TB, o Options) *Server {
	tb.Helper()
	s := &Server{Root: filepath.Join(tb.TempDir(), "srv"), tb: tb, o: o, token: o.Token}
	must(tb, os.Mkdir(s.Root, 0o700))
	config, ca := o.Certificate.make(tb)
	s.CA = ca
	var h http.Handler = http.HandlerFunc(s.serve)
	if o.Wrap != nil {
		h = o.Wrap(h)
	}
	s.http = httptest.NewUnstartedServer(s.logged(h))
	s.http.TLS, s.http.EnableHTTP2 = config, !o.HTTP1
	s.http.Config.ErrorLog = log.New(quiet{}, "", 0)
	s.http.Config.ConnState = func(_ net.Conn, st http.ConnState) {
		if st == http.StateNew {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.conns++
		}
	}
	s.http.StartTLS()
	tb.Cleanup(s.Stop)
	return s
}

type quiet struct{}

func (quiet) Write(b []byte) (int, error) { return len(b), nil }

// Stop ends the server and its connections.
func (s *Server) Stop() {
	s.http.CloseClientConnections()
	s.http.Close()
}

// HostPort is "127.0.0.1:port".
func (s *Server) HostPort() string { return s.http.Listener.Addr().String() }

// URL is the clone URL of a repository.
func (s *Server) URL(repo string) string { return "https://" + s.HostPort() + "/" + repo }

// InitRepo makes an empty bare repository, default branch main, and gives its path. Further
// words are arguments of git init.
func (s *Server) InitRepo(name string, args ...string) string {
	s.tb.Helper()
	dir := filepath.Join(s.Root, name)
	must(s.tb, os.MkdirAll(dir, 0o700))
	testssh.Git(s.tb, dir, append([]string{"init", "-q", "--bare", "-b", "main"}, args...)...)
	return dir
}

// SetToken changes the token that may read.
func (s *Server) SetToken(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
}

// Requests are those that came so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// Conns is how many connections were made so far.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

func (s *Server) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, Request{
			r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Authorization"), r.Header.Get("Git-Protocol"),
			r.ProtoMajor, r.Header.Get("Content-Encoding"), r.UserAgent(), r.Host,
		})
		s.mu.Unlock()
		next.ServeHTTP(w, r)
	})
}

// serve asks for the login and runs git.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	if user, given, _ := r.BasicAuth(); token != "" && (given != token || user != s.o.User) {
		w.Header().Set("WWW-Authenticate", `Basic realm="git"`)
		http.Error(w, "HTTP Basic: Access denied", http.StatusUnauthorized)
		return
	}
	if s.o.NoProtocolV2 {
		r.Header.Del("Git-Protocol")
	}
	r.Header.Del("Authorization")
	(&cgi.Handler{
		Path: "/usr/bin/env", Args: []string{"git", "http-backend"}, Env: s.env(), Logger: log.New(quiet{}, "", 0), Stderr: quiet{},
	}).ServeHTTP(w, r)
}

func (s *Server) env() []string {
	settings := append([]string{"safe.directory=*"}, s.o.GitConfig...)
	if !s.o.NoFilter {
		settings = append(settings, "uploadpack.allowFilter=true")
	}
	env := append(testssh.Environ(), "GIT_PROJECT_ROOT="+s.Root, "GIT_HTTP_EXPORT_ALL=1", fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)))
	for i, kv := range settings {
		k, v, _ := strings.Cut(kv, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, k), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, v))
	}
	return env
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// Hangup closes all connections.
func (s *Server) Hangup() { s.http.CloseClientConnections() }
