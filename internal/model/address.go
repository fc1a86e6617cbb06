package model

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// An Address is where a repository is reached over SSH: what a clone URL says,
// taken apart.
type Address struct {
	User string // never empty for the scp form; "git" when an ssh:// URL names none
	Host string // lower case, without brackets
	Port int    // 22 when the URL names none
	Path string // as the server gets it: "/srv/a.git" from ssh://h/srv/a.git, "a.git" from h:a.git
}

var (
	// A user or host name never starts with "-": ssh and git would read it as an option.
	userPattern = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9._+~-]*$`)
	hostPattern = regexp.MustCompile(`^[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?\.?$|^[0-9a-f]*:[0-9a-f:.]+$`)
	scpPattern  = regexp.MustCompile(`^([^@/:]+@)?(\[[^\]]+\]|[^/:\[\]]+):(.+)$`)
)

// maxURL bounds a clone URL, in bytes; the longest path git hosts allow is far below.
const maxURL = 2000

// ParseAddress reads ssh://[user@]host[:port]/path and user@host:path, and nothing
// else: go-git takes every other string for a local path and would run a program on it.
// The error is a *Failure of code url_invalid and says which rule was broken; it
// never repeats a password.
func ParseAddress(s string) (Address, error) {
	a, err := parseAddress(s)
	if err != nil {
		return Address{}, &Failure{
			Code:   CodeURLInvalid,
			Detail: err.Error(),
			Hint:   "give the SSH clone URL, such as git@github.com:acme/app.git or ssh://git@host:22/path/app.git",
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
		if !strings.EqualFold(scheme, "ssh") {
			return Address{}, fmt.Errorf("the scheme %.20q is not supported: only ssh:// and user@host:path are", scheme)
		}
		return parseSSH(rest)
	}
	m := scpPattern.FindStringSubmatch(s)
	if m == nil {
		return Address{}, fmt.Errorf("neither ssh://user@host/path nor user@host:path")
	}
	return checkAddress(strings.TrimSuffix(m[1], "@"), strings.Trim(m[2], "[]"), 22, m[3])
}

// parseSSH reads what follows ssh://.
func parseSSH(rest string) (Address, error) {
	if strings.ContainsAny(rest, "?#") {
		return Address{}, fmt.Errorf("the URL holds a query or a fragment")
	}
	u, err := url.Parse("ssh://" + rest)
	if err != nil {
		return Address{}, fmt.Errorf("not a URL") // url's own error repeats a password
	}
	if _, has := u.User.Password(); has {
		return Address{}, fmt.Errorf("the URL holds a password; the shared key is the only credential")
	}
	port := 22
	if p := u.Port(); p != "" {
		if port, err = strconv.Atoi(p); err != nil {
			return Address{}, fmt.Errorf("the port is not a number")
		}
	}
	user := u.User.Username()
	if user == "" {
		user = "git"
	}
	return checkAddress(user, u.Hostname(), port, u.Path)
}

func checkAddress(user, host string, port int, path string) (Address, error) {
	host = strings.ToLower(host)
	switch {
	case strings.Contains(user, ":"):
		return Address{}, fmt.Errorf("the URL holds a password; the shared key is the only credential")
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

// HostPort is the SSH server, "host:port", an IPv6 address in brackets. Limits
// and host keys are kept by it.
func (a Address) HostPort() string {
	if strings.Contains(a.Host, ":") {
		return "[" + a.Host + "]:" + strconv.Itoa(a.Port)
	}
	return a.Host + ":" + strconv.Itoa(a.Port)
}

// Key names the repository whatever way its URL is written: two addresses with
// one Key are one repository. Host and port stay apart from the path, the
// user is left out, and so are a leading "/", a trailing "/" and ".git".
func (a Address) Key() string { return a.HostPort() + "/" + a.Name() }

// An Identity is what a repository is known by, whatever way its address is written.
type Identity struct {
	Key  string // equal for two addresses of one repository
	Name string // "acme/app", as people and deliveries say it
}

// Identity is that of a server of no known kind: see Key and Name.
func (a Address) Identity() Identity { return Identity{a.Key(), a.Name()} }

// URL writes the address as a clone URL: user@host:path where that says the same, else ssh://.
func (a Address) URL() string {
	if a.Port == 22 && !strings.HasPrefix(a.Path, "/") && !strings.Contains(a.Host, ":") {
		return a.User + "@" + a.Host + ":" + a.Path
	}
	u := url.URL{Scheme: "ssh", User: url.User(a.User), Host: a.Host, Path: "/" + strings.TrimPrefix(a.Path, "/")}
	if a.Port != 22 || strings.Contains(a.Host, ":") {
		u.Host = a.HostPort()
	}
	return u.String()
}

// Name is the path as people say it: "acme/app" of "/acme/app.git".
func (a Address) Name() string {
	return strings.TrimSuffix(strings.Trim(strings.TrimPrefix(a.Path, "/"), "/"), ".git")
}
