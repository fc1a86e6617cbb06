package model

import (
	"errors"
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	for _, c := range []struct{ in, hostport, user, path, name string }{
		{"git@github.com:acme/app.git", "github.com:22", "git", "acme/app.git", "acme/app"},
		{"git@GitHub.com:acme/app", "github.com:22", "git", "acme/app", "acme/app"},
		{"ssh://git@github.com/acme/app.git", "github.com:22", "git", "/acme/app.git", "acme/app"},
		{"ssh://github.com/acme/app.git/", "github.com:22", "git", "/acme/app.git/", "acme/app"},
		{"ssh://git@ssh.github.com:443/acme/app.git", "ssh.github.com:443", "git", "/acme/app.git", "acme/app"},
		{"git@ssh.dev.azure.com:v3/org/My%20Project/repo", "ssh.dev.azure.com:22", "git", "v3/org/My%20Project/repo", "v3/org/My%20Project/repo"},
		{"ssh://jdoe@gerrit.example:29418/a/b", "gerrit.example:29418", "jdoe", "/a/b", "a/b"},
		{"ssh://git@[2001:db8::1]:2222/a.git", "[2001:db8::1]:2222", "git", "/a.git", "a"},
		{"git@[2001:db8::1]:a.git", "[2001:db8::1]:22", "git", "a.git", "a"},
		{"git@host:/srv/git/a.git", "host:22", "git", "/srv/git/a.git", "srv/git/a"},
		{"ssh://git@host/~jdoe/a.git", "host:22", "git", "/~jdoe/a.git", "~jdoe/a"},
		{"git@host:1234/a.git", "host:22", "git", "1234/a.git", "1234/a"},
	} {
		a, err := ParseAddress(c.in)
		if err != nil {
			t.Errorf("%s: %v", c.in, err)
			continue
		}
		if a.HostPort() != c.hostport || a.User != c.user || a.Path != c.path || a.Name() != c.name {
			t.Errorf("%s: %+v, name %q", c.in, a, a.Name())
		}
	}
}

// Two spellings of one repository have one key; neighbours have not.
func TestAddressKey(t *testing.T) {
	key := func(s string) string {
		a, err := ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		return a.Key()
	}
	if key("git@github.com:acme/app.git") != key("ssh://git@github.com:22/acme/app/") {
		t.Error("scp form and ssh:// form differ")
	}
	if key("ssh://git@h:22/a") == key("ssh://git@h:23/a") || key("git@h:a") == key("git@h:b") {
		t.Error("neighbours have one key")
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                            "empty",
		"-oProxyCommand=id":           "dash",
		"--upload-pack=id":            "dash",
		"git@-host:a":                 "host name",
		"ssh://-x@host/a":             "user name",
		"ssh://git@-host/a":           "host name",
		"git@host:-a":                 "path starts with a dash",
		"ssh://git@host/-a":           "path starts with a dash",
		"ssh://git:secret@host/a":     "password",
		"git:secret@host:a":           "user@host:path",
		"git@host:a\nb":               "line break",
		"ssh://git@host/a%0ab":        "line break",
		"git@host:a b":                "space",
		"https://github.com/acme/app": "https",
		"file:///srv/a.git":           "file",
		"ext::sh -c id":               "space",
		"/srv/a.git":                  "neither",
		"./a.git":                     "neither",
		"a.git":                       "neither",
		"host:a.git":                  "no user name",
		"ssh://git@host:0/a":          "port",
		"ssh://git@host:65536/a":      "port",
		"ssh://git@host:x/a":          "not a URL",
		"ssh://git@host/a%c2%9b":      "control",
		"ssh://git@host/a%e2%80%ae":   "control",
		"ssh://git@host":              "path is empty",
		"ssh://git@host/":             "path is empty",
		"git@host:":                   "neither",
		"ssh://git@host/a?b":          "query",
		"ssh://git@host/a#b":          "query",
		"ssh://git@ho%73t/a":          "",
		"git@ho$t:a":                  "host name",
		"git@host:a\x00":              "control",
		"git@" + strings.Repeat("h", 3000) + ":a": "longer",
	} {
		_, err := ParseAddress(in)
		var f *Failure
		if !errors.As(err, &f) || f.Code != CodeURLInvalid || !strings.Contains(f.Detail, want) {
			t.Errorf("%q: %v, want %q", in, err, want)
		}
		if err != nil && strings.Contains(err.Error()+f.Hint, "secret") {
			t.Errorf("%q: the error repeats the password: %v", in, err)
		}
	}
}

// FuzzParseAddress: what is accepted can be given to a server without being
// an option, a second line or a second repository.
func FuzzParseAddress(f *testing.F) {
	for _, s := range []string{"git@h:a", "ssh://u@h:22/a", "ssh://[::1]/a", "-x", "a@b:c d"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		for _, part := range []string{a.User, a.Host, a.Path} {
			if part == "" || part[0] == '-' || strings.ContainsAny(part, "\n\r\x00") {
				t.Errorf("%q: %+v", s, a)
			}
		}
		if a.Port < 1 || a.Port > 65535 {
			t.Errorf("%q: port %d", s, a.Port)
		}
	})
}
