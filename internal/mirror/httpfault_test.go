package mirror

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"issuetrail/internal/model"
	"issuetrail/internal/testgit"
	"issuetrail/internal/testssh"
)

// answers makes a server say this to every request.
func answers(code int, headers map[string]string, body string) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			for k, v := range headers {
				w.Header().Set(k, v)
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		})
	}
}

func TestHTTPSRefusals(t *testing.T) {
	page := map[string]string{"Content-Type": "text/html; charset=utf-8"}
	text := map[string]string{"Content-Type": "text/plain"}
	to := func(where string) map[string]string { return map[string]string{"Location": where} }
	for name, c := range map[string]struct {
		wrap  func(http.Handler) http.Handler
		code  string
		words []string
	}{
		"401":                  {answers(401, text, "no"), model.CodeAuthFailed, []string{"refused the user name and token: no", "credentials_file"}},
		"401, Kerberos alone":  {answers(401, map[string]string{"WWW-Authenticate": "Negotiate"}, ""), model.CodeAuthFailed, []string{"HTTP Basic"}},
		"403":                  {answers(403, page, "<p>x"), model.CodeAuthFailed, []string{"does not let the account read"}},
		"404":                  {answers(404, text, "Repository not found."), model.CodeNotFound, []string{"app", "private repository", "Repository not found."}},
		"429":                  {answers(429, text, ""), model.CodeUnreachable, []string{"429"}},
		"500":                  {answers(500, text, "\x1b[31moops"), model.CodeProtocol, []string{"500", "oops"}},
		"503":                  {answers(503, page, ""), model.CodeUnreachable, []string{"503"}},
		"the token, said back": {answers(500, text, "you sent "+testToken+" dHJhaWw6dG9rK2VuL3dpdGg9b2RkJmNoYXJz"), model.CodeProtocol, []string{"you sent ••• •••"}},
		"a login page":         {answers(200, page, `<form><input name=p type="password"></form>`), model.CodeAuthFailed, []string{"page to sign in"}},
		"a sign-in page, 203":  {answers(203, page, "<html>"), model.CodeAuthFailed, []string{"page to sign in"}},
		"a web page":           {answers(200, page, "<html>hello"), model.CodeProtocol, []string{"web page", "clone URL"}},
		"JSON":                 {answers(200, map[string]string{"Content-Type": "application/json"}, "{}"), model.CodeProtocol, []string{"application/json"}},
		"dumb":                 {answers(200, text, strings.Repeat("a", 40)+"\trefs/heads/main\n"), model.CodeUnsupported, []string{"dumb HTTP", "http-backend"}},
		"dumb and empty":       {answers(200, text, ""), model.CodeUnsupported, []string{"dumb HTTP"}},
		"gibberish":            {answers(200, map[string]string{"Content-Type": greetingType}, "hello world"), model.CodeProtocol, []string{"does not speak git"}},
		"an ERR line":          {answers(200, map[string]string{"Content-Type": greetingType}, "001cERR Repository not found"), model.CodeNotFound, nil},
		"nothing":              {answers(200, map[string]string{"Content-Type": greetingType}, ""), model.CodeProtocol, []string{"too early"}},
		"cut":                  {answers(200, map[string]string{"Content-Type": greetingType}, "001e# service=git-upload-pack\n0000000eversion 2\n"), model.CodeProtocol, []string{"too early"}},
		"no gzip":              {answers(200, map[string]string{"Content-Type": greetingType, "Content-Encoding": "gzip"}, "hello world, this is not it"), model.CodeProtocol, nil},
		"to another host":      {answers(301, to("https://elsewhere.example/app.git/info/refs?service=git-upload-pack&token=x"), ""), model.CodeNotFound, []string{"https://elsewhere.example/app.git,", "no credentials"}},
		"to plain HTTP":        {answers(301, to("http://127.0.0.1/app.git/info/refs?service=git-upload-pack"), ""), model.CodeNotFound, []string{"http://127.0.0.1/app.git,"}},
		"to another port":      {answers(307, to("https://127.0.0.1:1/app.git/info/refs?service=git-upload-pack"), ""), model.CodeNotFound, []string{"127.0.0.1:1"}},
		"to sign in":           {answers(302, to("/users/sign_in"), ""), model.CodeAuthFailed, []string{"/users/sign_in", "sign in"}},
		"to sign in elsewhere": {answers(302, to("https://login.example/oauth?state=123"), ""), model.CodeAuthFailed, []string{"https://login.example/oauth,"}},
		"round and round":      {answers(308, to("/app.git/info/refs?service=git-upload-pack"), ""), model.CodeProtocol, []string{"more than 5"}},
		"to nowhere":           {answers(302, to("https://%zz/"), ""), model.CodeProtocol, nil},
		"304":                  {answers(304, nil, ""), model.CodeProtocol, []string{"304"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testgit.Start(t, testgit.Options{Wrap: c.wrap})
			p := newPool(t, httpsOptions(s))
			_, err := open(t, p, s.URL("app.git")).Refs(t.Context(), [32]byte{})
			wantCode(t, err, c.code, c.words...)
			_, err = p.Test(t.Context(), address(t, s.URL("app.git")))
			wantCode(t, err, c.code, c.words...)
			if f := model.AsFailure(err); strings.Contains(f.Detail+f.Hint, testToken) || strings.ContainsAny(f.Detail, "\x1b\n") {
				t.Errorf("%q %q", f.Detail, f.Hint)
			}
		})
	}
}

// A page that comes byte by byte, each within the idle time, held its sync for 64 Ki times that long.
func TestHTTPSSlowPage(t *testing.T) {
	for _, http1 := range []bool{false, true} {
		s := testgit.Start(t, testgit.Options{HTTP1: http1, Wrap: func(http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				pace := time.NewTicker(20 * time.Millisecond)
				defer pace.Stop()
				for r.Context().Err() == nil {
					_, _ = io.WriteString(w, "<")
					w.(http.Flusher).Flush()
					<-pace.C
				}
			})
		}})
		o := httpsOptions(s)
		o.Timeouts.Idle = 300 * time.Millisecond
		begun := time.Now()
		wantCode(t, try(t, newPool(t, o), s.URL("app.git")), model.CodeProtocol, "web page")
		if d := time.Since(begun); d > 5*time.Second {
			t.Errorf("it took %s", d)
		}
	}
}

// A text that was cut in mid secret showed the rest of it: all but its last byte, at worst.
func TestHTTPSCutSecret(t *testing.T) {
	basic := "dHJhaWw6dG9rK2VuL3dpdGg9b2RkJmNoYXJz"
	errLine := func(text string) string { return fmt.Sprintf("%04xERR %s", len(text)+8, text) }
	for _, said := range []string{
		strings.Repeat(testToken+" ", 2000), strings.Repeat("Basic "+basic+"\n", 3000),
		strings.Repeat("x", maxTold-len(testToken)+1) + testToken, strings.Repeat("x", maxTold-len(basic)+1) + basic,
		strings.Repeat("x", maxTold-3) + testToken, strings.Repeat("x", 99-len(testToken)) + testToken + "y",
	} {
		for name, wrap := range map[string]func(http.Handler) http.Handler{
			"text":     answers(500, map[string]string{"Content-Type": "text/plain"}, said),
			"ERR":      answers(200, map[string]string{"Content-Type": greetingType}, errLine(said[:min(len(said), 60_000)])),
			"line":     answers(200, map[string]string{"Content-Type": greetingType}, errLine(said[:min(len(said), 60_000)])[:4]+said),
			"location": answers(302, map[string]string{"Location": "https://login.example/" + url.PathEscape(said)}, ""),
		} {
			s := testgit.Start(t, testgit.Options{Wrap: wrap})
			p := newPool(t, httpsOptions(s))
			r, err := p.Test(t.Context(), address(t, s.URL("app.git")))
			text := fmt.Sprintf("%v %+v %v", err, r, try(t, p, s.URL("app.git")))
			for _, secret := range []string{testToken, url.PathEscape(testToken), basic} {
				if part := secret[:minPart]; strings.Contains(text, part) || strings.Contains(text, secret[:3]+cutMark) {
					t.Errorf("%s: a part of a secret is shown: %q", name, text)
				}
			}
		}
	}
}

// A redirection on the same server is followed, with the credentials, for all requests.
func TestHTTPSRedirect(t *testing.T) {
	s := testgit.Start(t, testgit.Options{User: testUser, Token: testToken, Wrap: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if rest, ok := strings.CutPrefix(r.URL.Path, "/old/"); ok {
				http.Redirect(w, r, "/new/"+rest+"?"+r.URL.RawQuery, http.StatusMovedPermanently)
				return
			}
			next.ServeHTTP(w, r)
		})
	}})
	dir := s.InitRepo("new/app.git")
	testssh.AddCommits(t, dir, "main", 5, nil)
	checkHistory(t, dir, fetchHistory(t, newPool(t, httpsOptions(s)), s.URL("old/app.git"), nil, nil), "--all")
}

func TestHTTPSCertificates(t *testing.T) {
	for name, c := range map[string]struct {
		cert  testgit.Certificate
		code  string
		words []string
	}{
		"for another name": {testgit.Certificate{Name: "git.example"}, model.CodeUnreachable, []string{"not for this name", "tls_verify"}},
		"expired":          {testgit.Certificate{Expired: true}, model.CodeUnreachable, []string{"expired", "clock"}},
		"TLS 1.1":          {testgit.Certificate{OldTLS: true}, model.CodeProtocol, []string{"TLS 1.2"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := testgit.Start(t, testgit.Options{Certificate: c.cert})
			s.InitRepo("app.git")
			o := httpsOptions(s)
			_, err := open(t, newPool(t, o), s.URL("app.git")).Refs(t.Context(), [32]byte{})
			wantCode(t, err, c.code, c.words...)
			if len(s.Requests()) != 0 {
				t.Errorf("it was asked: %+v", s.Requests())
			}
			o.HTTPS = func(model.Address) (HTTPSOptions, error) { return HTTPSOptions{Insecure: true}, nil }
			if _, err := open(t, newPool(t, o), s.URL("app.git")).Refs(t.Context(), [32]byte{}); (err == nil) == c.cert.OldTLS {
				t.Errorf("unchecked: %v", err)
			}
		})
	}
}

// The server goes silent in each phase; none of them is waited for longer than the time limit,
// and none leaves a goroutine.
func TestHTTPSSilent(t *testing.T) {
	hang := func(path string, after int) func(http.Handler) http.Handler {
		return func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, path) {
					next.ServeHTTP(w, r)
					return
				}
				if after >= 0 {
					next.ServeHTTP(&stopping{w, after, r.Context()}, r)
				}
				<-r.Context().Done()
			})
		}
	}
	for name, o := range map[string]testgit.Options{
		"before the greeting":        {Wrap: hang(infoRefs, -1)},
		"in the greeting":            {Wrap: hang(infoRefs, 40)},
		"in the greeting, HTTP/1":    {HTTP1: true, Wrap: hang(infoRefs, 40)},
		"in version 0":               {NoProtocolV2: true, Wrap: hang(infoRefs, 200)},
		"before the list":            {Wrap: hang("/git-upload-pack", -1)},
		"in the list":                {HTTP1: true, Wrap: hang("/git-upload-pack", 60)},
		"before the pack, version 0": {NoProtocolV2: true, Wrap: hang("/git-upload-pack", -1)},
		"in the pack":                {NoProtocolV2: true, Wrap: hang("/git-upload-pack", 3000)},
		"in the pack, HTTP/1":        {HTTP1: true, NoProtocolV2: true, Wrap: hang("/git-upload-pack", 3000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := testgit.Start(t, o)
			testssh.AddCommits(t, s.InitRepo("app.git"), "main", 500, nil)
			h := httpsOptions(s)
			h.Timeouts.Idle = 400 * time.Millisecond
			p := newPool(t, h)
			begin := time.Now()
			_, err := open(t, p, s.URL("app.git")).Refs(t.Context(), [32]byte{})
			if err == nil {
				tip := id(t, testssh.Git(t, s.Root+"/app.git", "rev-parse", "main"))
				_, err = open(t, p, s.URL("app.git")).Fetch(t.Context(), FetchRequest{Wants: []model.Hash{tip}}, func(model.RawCommit) error { return nil })
			}
			wantCode(t, err, model.CodeTimeout, "silent for 400ms")
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("it took %s", took)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if _, err := open(t, p, s.URL("app.git")).Refs(ctx, [32]byte{}); err != nil && ctx.Err() == nil {
				t.Errorf("the caller's time: %v", err)
			}
		})
	}
}

// stopping passes on so many bytes and then nothing.
type stopping struct {
	http.ResponseWriter
	left int
	ctx  context.Context
}

func (s *stopping) Write(b []byte) (int, error) {
	n := min(s.left, len(b))
	s.left -= n
	_, _ = s.ResponseWriter.Write(b[:n])
	if s.left == 0 {
		s.ResponseWriter.(http.Flusher).Flush()
		<-s.ctx.Done()
		return 0, s.ctx.Err()
	}
	return n, nil
}

// A server that accepts and says nothing, hangs up, or speaks no TLS; an address that is forbidden.
func TestHTTPSNoTLS(t *testing.T) {
	for name, c := range map[string]struct {
		serve func(net.Conn)
		code  string
		word  string
	}{
		"silent":    {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, model.CodeTimeout, "TLS handshake"},
		"hangs up":  {func(c net.Conn) { _, _ = c.Read(make([]byte, 10)) }, model.CodeUnreachable, "hung up"},
		"plain":     {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, model.CodeProtocol, "does not speak TLS"},
		"forbidden": {func(c net.Conn) {}, model.CodeURLForbidden, "allow_addresses"},
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					conn, err := l.Accept()
					if err != nil {
						return
					}
					go func() { defer conn.Close(); c.serve(conn) }()
				}
			}()
			o := options(&testssh.Server{})
			o.Timeouts.Handshake = 300 * time.Millisecond
			if c.code == model.CodeURLForbidden {
				o.Allow = nil
			}
			p := newPool(t, o)
			_, err = open(t, p, "https://"+l.Addr().String()+"/app.git").Refs(t.Context(), [32]byte{})
			wantCode(t, err, c.code, c.word)
			p.Close()
			_, err = p.Open(t.Context(), address(t, "https://"+l.Addr().String()+"/app.git"))
			if err == nil {
				t.Error("a closed pool opens sessions")
			}
		})
	}
}

// A test of a connection tells its steps.
func TestHTTPSTest(t *testing.T) {
	s := testgit.Start(t, testgit.Options{User: testUser, Token: testToken})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
	p := newPool(t, httpsOptions(s))
	steps := func(r TestResult) (list []string) {
		for _, st := range r.Steps {
			name := st.Name
			if !st.OK {
				name += "!"
			}
			list = append(list, name)
		}
		return list
	}
	r, err := p.Test(t.Context(), address(t, s.URL("app.git")))
	if err != nil || r.Refs != 1 || r.Protocol != 2 || !r.Filter || r.Default != "refs/heads/main" || strings.Join(steps(r), " ") != "dns tcp tls authentication repository refs protocol" {
		t.Errorf("%+v, %v", r, err)
	}
	r, err = p.Test(t.Context(), address(t, s.URL("none.git")))
	wantCode(t, err, model.CodeNotFound)
	if got := strings.Join(steps(r), " "); got != "dns tcp tls authentication repository!" {
		t.Error(got)
	}
	s.SetToken("another")
	r, err = p.Test(t.Context(), address(t, s.URL("app.git")))
	wantCode(t, err, model.CodeAuthFailed)
	if got := strings.Join(steps(r), " "); got != "dns tcp tls authentication!" {
		t.Error(got)
	}
	s.CA = nil
	r, err = p.Test(t.Context(), address(t, s.URL("app.git")))
	wantCode(t, err, model.CodeUnreachable)
	if got := strings.Join(steps(r), " "); got != "dns tcp tls!" {
		t.Error(got)
	}
}
