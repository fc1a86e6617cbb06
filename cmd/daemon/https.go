package main

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
)

// maxCAFile bounds a file of authorities, in bytes; the system's own has a quarter of it.
const maxCAFile = 1 << 20

// https gives what is set for the server of an address: of the entry that the address belongs
// to by itself. The entry that a repository names does not count: whoever may add a repository
// could else have the token sent to any server. The files are read each time, so that a
// changed one counts from the next session on.
func (d *directory) https(a model.Address) (mirror.HTTPSOptions, error) {
	e := d.webEntry(a)
	if e == nil {
		return mirror.HTTPSOptions{}, nil
	}
	o := mirror.HTTPSOptions{Insecure: !e.TLSVerify}
	if e.CAFile != "" {
		text, err := readBounded(e.CAFile, maxCAFile)
		if err != nil {
			return o, &model.Failure{
				Code: model.CodeUnreachable, Detail: fmt.Sprintf("hosts: %s: ca_file: %v", e.Name, err), Err: err,
				Hint: "put the certificate of the authority there, or take ca_file out of the config",
			}
		}
		o.CAs = text
	}
	if e.CredentialsFile == "" {
		return o, nil
	}
	text, err := config.ReadSecret(e.CredentialsFile)
	if err == nil {
		o.User, o.Token, err = parseCredentials(text)
	}
	if err != nil {
		return o, &model.Failure{
			Code: model.CodeAuthFailed, Detail: fmt.Sprintf("hosts: %s: credentials_file: %v", e.Name, err), Err: err,
			Hint: "the file holds two lines: the user name and the token; it is read anew at each sync",
		}
	}
	return o, nil
}

// parseCredentials reads a user name and a token, one a line. The error repeats neither.
func parseCredentials(text []byte) (user, token string, err error) {
	first, second, _ := bytes.Cut(text, []byte{'\n'})
	user, token = strings.TrimSpace(string(first)), strings.TrimSpace(string(second))
	switch {
	case user == "" || token == "":
		return "", "", fmt.Errorf("want a user name and a token, one a line")
	case strings.ContainsAny(token, "\r\n"):
		return "", "", fmt.Errorf("has more than two lines")
	case strings.Contains(user, ":"):
		return "", "", fmt.Errorf("the user name holds a colon")
	}
	return user, token, nil
}

func readBounded(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > limit {
		return nil, fmt.Errorf("%s is no file of at most %d bytes", path, limit)
	}
	return os.ReadFile(path)
}

// webEntry is the entry that an address over HTTPS belongs to, or nil: the one whose web_url is
// its server, with the longest path that the address lies below; else one without web_url
// whose ssh_host it is, on port 443; else one without both of the vendor's service it is on.
func (d *directory) webEntry(a model.Address) *entry {
	var best *entry
	length := -1
	for i := range d.entries {
		if n := d.entries[i].serves(a); n > length {
			best, length = &d.entries[i], n
		}
	}
	return best
}

// serves says how well an address over HTTPS fits the entry; -1 = not at all.
func (e entry) serves(a model.Address) int {
	u, err := url.Parse(e.WebURL)
	switch {
	case !a.HTTPS() || err != nil:
		return -1
	case u.Scheme == model.SchemeHTTPS:
		under := strings.TrimRight(u.Path, "/") + "/"
		if webPort(u) == a.HostPort() && (under == "/" || strings.HasPrefix(a.Path, under)) {
			return 1 + len(under)
		}
	case e.WebURL == "" && e.SSHHost != "":
		if sshHostName(e.SSHHost) == a.Host && a.Port == 443 {
			return 1
		}
	case e.WebURL == "" && hosts.DefaultWeb(e.Kind) != "" && hosts.KindOf(a) == e.Kind:
		return 0
	}
	return -1
}

// webPort is the "host:port" of a web address, as model.Address.HostPort writes it.
func webPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = "443"
	}
	return net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// sshHostName is an ssh_host without its port.
func sshHostName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}
