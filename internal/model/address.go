package model

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// SchemeHTTPS is Address.Scheme of a repository that is read over HTTPS.
const SchemeHTTPS = "https"

// An Address is where a repository is reached: what a clone URL says, taken apart.
type Address struct {
	Scheme string // "" = SSH, or SchemeHTTPS
	User   string // of SSH: "git" when an ssh:// URL names none; always "" with HTTPS
	Host   string // lower case, without brackets
	Port   int    // when the URL names none 22, with HTTPS 443
	Path   string // as the server gets it: "/srv/a.git" from ssh://h/srv/a.git, "a.git" from h:a.git; not escaped
}

// HTTPS says whether the repository is read over HTTPS; else it is over SSH.
func (a Address) HTTPS() bool { return a.Scheme == SchemeHTTPS }

var (
	// A user or host name never starts with "-": ssh and git would read it as an option.
	userPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+~-]*$`)
	hostPattern = regexp.MustCompile(`^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?$|^[0-9a-f]*:[0-9a-f:.]+$`)
	scpPattern  = regexp.MustCompile(`^([^@/:]+@)?(\[[^\]]+\]|[^/:\[\]]+):(.+)$`)
)

// maxURL bounds a clone URL, in bytes; the longest path git hosts allow is far below.
const maxURL = 2000

// ParseAddress reads ssh://[user@]host[:port]/path, user@host:path and
// https://host[:port]/path, and nothing else: go-git takes every other string for a local
// path and would run a program on it. A user name before an https:// host is taken off: the
// credentials of the host count.
// The error is a *Failure of code url_invalid and says which rule was broken; it
// never repeats a password.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, &Failure{
			Code:   CodeURLInvalid,
			Detail: err.Error(),
			Hint:   "give the clone URL, such as git@github.com:acme/app.git, ssh://git@host:22/path/app.git or https://github.com/acme/app.git",
		}
	}
	return a, nil
}

func parseAddress(s string) (Address, error) {
	switch {
	case s == "":
		return Address{}, fmt.Errorf("the URL is empty")
	case len(s) > maxURL:
		return Address{}, fmt.Errorf("the URL is longer than %d bytes", maxURL)
	case strings.HasPrefix(s, "-"):
		return Address{}, fmt.Errorf("the URL starts with a dash")
	case strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == '\uFFFD' }):
		return Address{}, fmt.Errorf("the URL holds a space, a line break or another control character")
	}
	if scheme, rest, ok := strings.Cut(s, "://"); ok {
		switch strings.ToLower(scheme) {
		case "ssh":
			return parseSSH(rest)
		case "https":
			return parseHTTPS(rest)
		case "http":
			return Address{}, fmt.Errorf("http:// would show the credentials and the history to everybody on the way; use https://")
		}
		return Address{}, fmt.Errorf("the scheme %.20q is not supported: only ssh://, https:// and user@host:path are", scheme)
	}
	m := scpPattern.FindStringSubmatch(s)
	if m == nil {
		return Address{}, fmt.Errorf("neither ssh://user@host/path nor user@host:path")
	}
	return checkAddress(strings.TrimSuffix(m[1], "@"), strings.Trim(m[2], "[]"), 22, m[3])
}

// parseSSH reads what follows ssh://.
func parseSSH(rest string) (Address, error) {
	u, port, err := parseURL("ssh://"+rest, 22)
	if err != nil {
		return Address{}, err
	}
	if _, has := u.User.Password(); has {
		return Address{}, errPassword
	}
	user := u.User.Username()
	if user == "" {
		user = "git"
	}
	return checkAddress(user, u.Hostname(), port, u.Path)
}

// parseHTTPS reads what follows https://.
func parseHTTPS(rest string) (Address, error) {
	u, port, err := parseURL("https://"+rest, 443)
	if err != nil {
		return Address{}, err
	}
	if _, has := u.User.Password(); has {
		return Address{}, fmt.Errorf("the URL holds a password or token; it belongs into the credentials_file of the host's entry")
	}
	if strings.Contains(strings.ToLower(u.EscapedPath()), "%2f") {
		return Address{}, fmt.Errorf("the path holds an escaped slash")
	}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part == "." || part == ".." {
			return Address{}, fmt.Errorf("the path holds %q", part)
		}
	}
	a, err := checkAddress("git", u.Hostname(), port, u.Path)
	if err != nil {
		return Address{}, err
	}
	a.Scheme, a.User = SchemeHTTPS, ""
	return a, nil
}

var errPassword = errors.New("the URL holds a password; the shared key is the only credential")

// parseURL reads a URL that has a host; port is what counts where it names none.
func parseURL(text string, port int) (*url.URL, int, error) {
	if strings.ContainsAny(text, "?#") {
		return nil, 0, fmt.Errorf("the URL holds a query or a fragment")
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, 0, fmt.Errorf("not a URL") // url's own error repeats a password
	}
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return nil, 0, fmt.Errorf("the port is not a number")
		}
	}
	return u, port, nil
}

func checkAddress(user, host string, port int, path string) (Address, error) {
	host = strings.ToLower(host)
	switch {
	case strings.Contains(user, ":"):
		return Address{}, errPassword
	case user == "":
		return Address{}, fmt.Errorf("no user name: write user@host:path, mostly git@host:path")
	case !userPattern.MatchString(user):
		return Address{}, fmt.Errorf("the user name is not one")
	case !hostPattern.MatchString(host):
		return Address{}, fmt.Errorf("the host name is not one")
	case port < 1 || port > 65535:
		return Address{}, fmt.Errorf("the port is not between 1 and 65535")
	case strings.Trim(path, "/") == "":
		return Address{}, fmt.Errorf("the path is empty")
	case strings.HasPrefix(strings.TrimLeft(path, "/"), "-"):
		return Address{}, fmt.Errorf("the path starts with a dash")
	case strings.ContainsFunc(path, func(r rune) bool { return unicode.In(r, unicode.Cc, unicode.Cf) }):
		return Address{}, fmt.Errorf("the path holds a line break or another control character")
	}
	return Address{User: user, Host: host, Port: port, Path: path}, nil
}

// HostPort is the server, "host:port", an IPv6 address in brackets. Limits
// and host keys are kept by it.
func (a Address) HostPort() string {
	if strings.Contains(a.Host, ":") {
		return "[" + a.Host + "]:" + strconv.Itoa(a.Port)
	}
	return a.Host + ":" + strconv.Itoa(a.Port)
}

// Key names the repository whatever way its URL is written: two addresses with
// one Key are one repository. Host and port stay apart from the path, the
// user is left out, and so are a leading "/", a trailing "/" and ".git". What is reached over
// HTTPS is not what is reached over SSH, as far as an address tells.
func (a Address) Key() string {
	if a.HTTPS() {
		return "https://" + a.HostPort() + "/" + a.Name()
	}
	return a.HostPort() + "/" + a.Name()
}

// An Identity is what a repository is known by, whatever way its address is written.
type Identity struct {
	Key  string // equal for two addresses of one repository
	Name string // "acme/app", as people and deliveries say it
}

// Identity is that of a server of no known kind: see Key and Name.
func (a Address) Identity() Identity { return Identity{a.Key(), a.Name()} }

// URL writes the address as a clone URL: https://, user@host:path where that says the same,
// else ssh://.
func (a Address) URL() string {
	if a.HTTPS() {
		u := url.URL{Scheme: SchemeHTTPS, Host: a.HostPort(), Path: a.Path}
		if a.Port == 443 {
			u.Host = strings.TrimSuffix(u.Host, ":443")
		}
		return u.String()
	}
	if a.Port == 22 && !strings.HasPrefix(a.Path, "/") && !strings.Contains(a.Host, ":") {
		return a.User + "@" + a.Host + ":" + a.Path
	}
	u := url.URL{Scheme: "ssh", User: url.User(a.User), Host: a.Host, Path: "/" + strings.TrimPrefix(a.Path, "/")}
	if a.Port != 22 || strings.Contains(a.Host, ":") {
		u.Host = a.HostPort()
	}
	return u.String()
}

// KeptURL is a clone URL as it may be kept and shown: as it was written but for a user name before an
// https:// host, which counts for nothing and where people put tokens.
func KeptURL(url string) string {
	a, err := ParseAddress(url)
	if err != nil || !a.HTTPS() {
		return url
	}
	_, rest, _ := strings.Cut(url, "://")
	if host, _, _ := strings.Cut(rest, "/"); !strings.Contains(host, "@") {
		return url
	}
	return a.URL()
}

// Name is the path as people say it: "acme/app" of "/acme/app.git".
func (a Address) Name() string {
	return strings.TrimSuffix(strings.Trim(strings.TrimPrefix(a.Path, "/"), "/"), ".git")
}
