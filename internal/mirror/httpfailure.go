package mirror

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"issuetrail/internal/model"
)

// The hints of what is mended in the config.
const (
	tokenHint = "give a user name and a token that may read the repository: a file with both, one a line, is the credentials_file of the hosts entry " +
		"whose web_url is this server; it is read anew at each sync"
	hiddenHint = "check the path in the URL; servers answer the same of a private repository that the account may not read, or that was asked for without credentials " +
		"(credentials_file of the host's entry)"
	certHint = "; tls_verify: false in the host's entry, as the last resort, lets everybody on the way read the token"
)

// maxPage is how much of an answer that is not git's is looked at, in bytes.
const maxPage = 64 << 10

// check gives why an answer is none of git's, and closes it then.
func (t *httpTalk) check(resp *http.Response, want string) error {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode == http.StatusOK && kind == want {
		return nil
	}
	t.take(resp, maxPage)
	limit := time.AfterFunc(t.pool.o.Timeouts.Idle, func() { t.end(errGivenUp) }) // what came by then says enough
	page, err := io.ReadAll(io.LimitReader(t.in, maxPage-1))
	limit.Stop()
	if cause := t.watch.because(nil); cause != nil {
		return cause
	}
	if err == nil && t.read {
		t.rest()
	} else {
		t.hangUp()
	}
	if resp.StatusCode/100 == 2 {
		return t.noGit(resp.StatusCode, kind, page)
	}
	said := ""
	if kind == "text/plain" || kind == "" {
		said = string(page)
		if !t.read {
			said += cutMark
		}
		said = told(redact(said, t.o.secrets()))
	}
	return t.status(resp, said)
}

// status is for an answer that says by its number that the request failed.
func (t *httpTalk) status(resp *http.Response, said string) error {
	f := &model.Failure{Code: model.CodeProtocol}
	server := t.to.HostPort()
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized:
		f.Code, f.Detail, f.Hint = model.CodeAuthFailed, server+" refused the user name and token", tokenHint
		if t.o.Token == "" {
			f.Detail = server + " wants a user name and a token"
		}
		if ways := resp.Header.Values("WWW-Authenticate"); len(ways) > 0 && !strings.Contains(strings.ToLower(strings.Join(ways, ",")), "basic") {
			f.Hint = "the server takes no user name and token (HTTP Basic), which is the only way that is spoken here; connect the repository by SSH"
		}
	case code == http.StatusForbidden:
		f.Code, f.Detail, f.Hint = model.CodeAuthFailed, server+" does not let the account read the repository", tokenHint
		if t.o.Token == "" {
			f.Detail = server + " lets nobody read the repository without a user name and a token"
		}
	case code == http.StatusNotFound, code == http.StatusGone:
		f.Code, f.Detail, f.Hint = model.CodeNotFound, server+" knows no repository "+told(t.to.Name()), hiddenHint
	case code/100 == 3:
		f.Detail = fmt.Sprintf("%s answers with a redirection where none is followed (%d)", server, code)
		f.Hint = "copy the clone URL of the repository again"
	case code == http.StatusTooManyRequests, code == http.StatusBadGateway, code == http.StatusServiceUnavailable, code == http.StatusGatewayTimeout:
		f.Code, f.Detail = model.CodeUnreachable, fmt.Sprintf("%s cannot answer now (%d %s)", server, code, http.StatusText(code))
	default:
		f.Detail = strings.TrimSpace(fmt.Sprintf("%s answered %d %s", server, code, http.StatusText(code)))
	}
	if said != "" {
		f.Detail += ": " + said
	}
	return f
}

var (
	passwordField = regexp.MustCompile(`(?i)type\s*=\s*["']?password`)
	dumbLine      = regexp.MustCompile(`^[0-9a-f]{40}\trefs/`)
)

// noGit is for an answer that is fine but not git's.
func (t *httpTalk) noGit(code int, kind string, page []byte) error {
	server := t.to.HostPort()
	page = bytes.TrimSpace(page)
	html := kind == "text/html" || kind == "application/xhtml+xml" || bytes.HasPrefix(page, []byte("<"))
	switch {
	case html && (code != http.StatusOK || passwordField.Match(page)):
		return &model.Failure{Code: model.CodeAuthFailed, Detail: server + " answers with a page to sign in", Hint: tokenHint}
	case html:
		return &model.Failure{
			Code: model.CodeProtocol, Detail: server + " answers with a web page, not with git's protocol",
			Hint: "give the clone URL, as the host's own page shows it under Clone → HTTPS",
		}
	case len(page) == 0, dumbLine.Match(page):
		return &model.Failure{
			Code: model.CodeUnsupported, Detail: server + " serves the repository's files alone (dumb HTTP)",
			Hint: "serve it with git http-backend, which speaks the smart protocol, or connect it by SSH",
		}
	}
	return protocolError("%s answers with %.60q, not with git's protocol", server, told(kind))
}

const (
	infoRefs     = "/info/refs"
	serviceQuery = "service=git-upload-pack"
	maxHops      = 5
)

// follow goes where a redirection leads, if that is on the same server: nobody else gets the
// credentials, nor our requests.
func (t *httpTalk) follow(from *url.URL, where string, hop int) error {
	to, err := from.Parse(where)
	if err != nil {
		return protocolError("%s redirects to what is no address", t.to.HostPort())
	}
	shown := redact(told(redact((&url.URL{Scheme: to.Scheme, Host: to.Host, Path: to.Path}).String(), t.o.secrets())), t.o.secrets())
	repository, isRepository := strings.CutSuffix(to.Path, infoRefs)
	same := strings.EqualFold(to.Scheme, model.SchemeHTTPS) && strings.EqualFold(to.Hostname(), t.to.Host) && portOf(to) == fmt.Sprint(t.to.Port)
	switch {
	case !same && isRepository:
		moved := strings.TrimSuffix(shown, infoRefs)
		return &model.Failure{
			Code: model.CodeNotFound, Detail: fmt.Sprintf("%s redirects to %s, which was not asked: nothing was sent there, and no credentials", t.to.HostPort(), moved),
			Hint: "if the repository is there now, connect it by that address, with credentials of that server",
		}
	case !isRepository, to.Query().Get("service") != "git-upload-pack":
		return &model.Failure{
			Code: model.CodeAuthFailed, Detail: fmt.Sprintf("%s redirects to %s, which is no repository but mostly a page to sign in; nothing was sent there", t.to.HostPort(), shown),
			Hint: tokenHint,
		}
	case hop+1 >= maxHops:
		return protocolError("%s redirects more than %d times", t.to.HostPort(), maxHops)
	}
	t.base = &url.URL{Scheme: model.SchemeHTTPS, Host: webHost(t.to), Path: repository}
	return nil
}

func portOf(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return "443"
}

// tlsError is for a TLS handshake that did not come about.
func tlsError(hostport string, err error) error {
	f := &model.Failure{Code: model.CodeUnreachable, Err: err}
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		bad       *tls.CertificateVerificationError
		record    tls.RecordHeaderError
	)
	switch text := told(err.Error()); {
	case isTimeout(err), errors.Is(err, context.DeadlineExceeded):
		return timeoutError("%s: the TLS handshake was not done within the time limit", hostport)
	case errors.As(err, &authority):
		f.Detail = hostport + ": the server's certificate is of no authority that is trusted here"
		f.Hint = "name the certificate of your authority, or the server's own, in ca_file of the host's entry" + certHint
	case errors.As(err, &name):
		f.Detail = hostport + ": the server's certificate is not for this name: " + told(name.Error())
		f.Hint = "put the name of the certificate into the URL, or the name of the URL into the certificate" + certHint
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f.Detail = hostport + ": the server's certificate has expired, or is not valid yet"
		f.Hint = "renew it, and look at the clock of this machine" + certHint
	case errors.As(err, &bad):
		f.Detail = hostport + ": the server's certificate is refused: " + text
		f.Hint = "mend it on the server" + certHint
	case errors.As(err, &record):
		f.Code, f.Detail = model.CodeProtocol, hostport+": the server does not speak TLS on this port"
		f.Hint = "check the port in the URL"
	case strings.Contains(text, "protocol version"), strings.Contains(text, "handshake failure"):
		f.Code, f.Detail = model.CodeProtocol, hostport+": no common TLS version or cipher: "+text
		f.Hint = "the server must speak TLS 1.2 or 1.3"
	case hungUp(err):
		f.Detail = hostport + ": the server hung up during the TLS handshake"
	default:
		f.Code, f.Detail = model.CodeProtocol, hostport+": TLS handshake: "+text
	}
	return f
}

// httpError is for a request without an answer, or an answer that broke off.
func httpError(hostport string, err error) error {
	var f *model.Failure
	text := told(err.Error())
	switch {
	case errors.As(err, &f), errors.Is(err, context.Canceled), errors.Is(err, errClosed):
		return err
	case isTimeout(err):
		return timeoutError("%s: the server did not answer within the time limit", hostport)
	case strings.Contains(text, "malformed HTTP"), strings.Contains(text, "headers exceeded"), strings.Contains(text, "gzip:"):
		return &model.Failure{Code: model.CodeProtocol, Detail: hostport + " does not speak HTTP: " + text, Err: err}
	}
	return &model.Failure{Code: model.CodeUnreachable, Detail: hostport + ": the connection broke off: " + text, Err: err}
}

// secrets are the words that no text may repeat, in the forms in which a server may say them.
func (o HTTPSOptions) secrets() []string {
	if o.Token == "" {
		return nil
	}
	return []string{
		base64.StdEncoding.EncodeToString([]byte(o.User + ":" + o.Token)),
		o.Token, url.QueryEscape(o.Token), url.PathEscape(o.Token),
	}
}

// hidden stands for a secret.
const hidden = "•••"

// minPart is how much of a secret's beginning is not shown anywhere, in bytes: texts get cut. Less than that
// is what all tokens of a kind begin with, such as github_pat_.
const minPart = 12

// redact hides the secrets of a text, and the beginning of one that was cut.
func redact(text string, secrets []string) string {
	for _, s := range secrets {
		text = hide(text, s)
	}
	return text
}

func hide(text, secret string) string {
	whole, cut := strings.CutSuffix(text, cutMark)
	var b strings.Builder
	for i := 0; i < len(whole); {
		n := 0
		for n < len(secret) && i+n < len(whole) && whole[i+n] == secret[n] {
			n++
		}
		if n > 0 && (n >= min(minPart, len(secret)) || cut && i+n == len(whole)) {
			b.WriteString(hidden)
			i += n
			continue
		}
		b.WriteByte(whole[i])
		i++
	}
	if cut {
		b.WriteString(cutMark)
	}
	return b.String()
}

// clean takes the secrets out of a failure: a server may say anything.
func (s *Session) clean(err error) error {
	var f *model.Failure
	if len(s.secrets) == 0 || !errors.As(err, &f) {
		return err
	}
	detail, hint := redact(f.Detail, s.secrets), redact(f.Hint, s.secrets)
	if detail == f.Detail && hint == f.Hint {
		return err
	}
	return &model.Failure{Code: f.Code, Detail: detail, Hint: hint}
}
