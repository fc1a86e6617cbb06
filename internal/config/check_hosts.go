package config

import (
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// sshHost is a host name or an address without port.
var sshHost = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]+$`)

func (c *checker) hosts() {
	seen := names{}
	for i := range c.cfg.Hosts {
		h, path := &c.cfg.Hosts[i], index("hosts", i)
		c.name(seen, path, h.Name)
		if h.Kind != "" && len(c.Kinds) > 0 && !slices.Contains(c.Kinds, h.Kind) {
			c.again(path+".kind", "%s is not one of %s%s", quote(h.Kind), strings.Join(c.Kinds, ", "), didYouMean(strings.ToLower(h.Kind), c.Kinds))
		}
		c.webAddress(path+".web_url", &h.WebURL)
		if strings.ContainsAny(h.WebURL, `{}<>"\^|`+"`") {
			c.again(path+".web_url", "holds a character that is none of a web address; write it as %%XX")
		}
		h.SSHHost = strings.ToLower(h.SSHHost)
		if h.SSHHost != "" && !sshServer(h.SSHHost) {
			c.again(path+".ssh_host", "%s is not a host name; want HOST or HOST:PORT, without user and path", quote(h.SSHHost))
		}
		c.links(path+".links", h)
		c.streamEvents(path+".stream_events", h)
		c.globs(path+".discover", h.Discover)
		if len(h.Discover) > 0 && h.APITokenFile == "" {
			c.again(path+".api_token_file", "is required with discover")
		}
	}
}

// sshServer says whether s is a host name or an address, with a port or without.
func sshServer(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil || isAddress(s) {
		return sshHost.MatchString(s)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port[0] != '0' && sshHost.MatchString(host)
}

// streamEvents checks the SSH address that events are read from. The value is not
// repeated: it may hold a password.
func (c *checker) streamEvents(path string, h *Host) {
	text := h.StreamEvents
	if text == "" {
		return
	}
	u, err := url.Parse(text)
	switch {
	case h.Kind != "" && !slices.Contains(c.Streams, h.Kind):
		c.again(path, "has no meaning with kind: %s; these have it: %s", quote(h.Kind), strings.Join(c.Streams, ", "))
		return
	case err != nil || u.Scheme != "ssh" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		c.again(path, "is not the address of an SSH server; want ssh://USER@HOST:PORT, without a path")
		return
	case u.User.Username() == "":
		c.again(path, "names no user; want ssh://USER@HOST:PORT")
		return
	}
	h.StreamEvents = strings.TrimRight(text, "/")
	if c.URL != nil {
		if err := c.URL(h.StreamEvents + "/events"); err != nil {
			c.again(path, "%v", err)
		}
	}
}

func (c *checker) repositories() {
	seen := map[string]string{}
	for i := range c.cfg.Repositories {
		r, path := &c.cfg.Repositories[i], index("repositories", i)
		c.repositoryURL(seen, path+".url", r.URL)
		c.repositoryHost(path+".host", r.Host)
		c.schedule(path+".schedule", r.Schedule, true)
		c.projects(path+".projects", r.Projects)
		c.narrows(path+".projects", r.Projects)
	}
}

func (c *checker) repositoryURL(seen map[string]string, path, text string) {
	if text == "" {
		return
	}
	if c.URL != nil {
		if err := c.URL(text); err != nil {
			c.again(path, "%v", err)
			return
		}
	}
	key := text
	if c.Key != nil {
		key = c.Key(text)
	}
	if first, ok := seen[key]; ok {
		c.again(path, "is the repository of %s already", first)
		return
	}
	seen[key] = path
}

// repositoryHost wants the name of an entry of hosts, or a kind, which stands for its
// public site.
func (c *checker) repositoryHost(path, name string) {
	if name == "" || slices.Contains(c.Kinds, name) {
		return
	}
	var known []string
	for _, h := range c.cfg.Hosts {
		if h.Name == name {
			return
		}
		known = append(known, h.Name)
	}
	c.again(path, "%s is the name of no entry of hosts%s", quote(name), didYouMean(name, append(known, c.Kinds...)))
}

// narrows wants a repository's projects to be among those of issues: any other would link nothing.
func (c *checker) narrows(path string, keys []string) {
	all := c.cfg.Issues.Projects
	for i, key := range keys {
		_, renamed := c.cfg.Issues.Aliases[key]
		if len(all) > 0 && !renamed && !slices.Contains(all, key) {
			c.again(index(path, i), "%s is not among issues.projects, which this list narrows%s", quote(key), didYouMean(key, all))
		}
	}
}
