package config

import (
	"net/netip"
	"net/url"
	"strings"
)

// webAddress checks a web address, "" excepted, and takes the "/" from its end.
func (c *checker) webAddress(path string, text *string) {
	c.address(path, text, "http", "https")
}

// secureAddress checks an address that credentials are sent to: https, or http to this machine.
func (c *checker) secureAddress(path string, text *string) {
	u := c.address(path, text, "http", "https")
	if u != nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		c.again(path, "must be https; plain http is for loopback only")
	}
}

// address checks a URL without user, query and fragment; nil = refused or empty. The value is
// not repeated: it may hold a password.
func (c *checker) address(path string, text *string, schemes ...string) *url.URL {
	if *text == "" {
		return nil
	}
	u, err := url.Parse(*text)
	switch {
	case err != nil || u.Host == "" || strings.ContainsFunc(*text, func(r rune) bool { return r <= ' ' }):
		c.again(path, "is not a web address; want https://host or the like")
	case u.Scheme != schemes[0] && u.Scheme != schemes[1]:
		c.again(path, "has the scheme %s; want %s", quote(u.Scheme), strings.Join(schemes, " or "))
	case u.User != nil:
		c.again(path, "holds a user name or password; leave it out")
	case u.RawQuery != "" || u.Fragment != "" || u.ForceQuery:
		c.again(path, "holds a query or a fragment; leave it out")
	default:
		*text = strings.TrimRight(*text, "/")
		return u
	}
	return nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}
