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
		{"https://github.com/acme/app.git", "github.com:443", "", "/acme/app.git", "acme/app"},
		{"HTTPS://jdoe@GitHub.com:443/acme/app/", "github.com:443", "", "/acme/app/", "acme/app"},
		{"https://acme@dev.azure.com/acme/My%20Project/_git/app", "dev.azure.com:443", "", "/acme/My Project/_git/app", "acme/My Project/_git/app"},
		{"https://[2001:db8::1]:8443/a.git", "[2001:db8::1]:8443", "", "/a.git", "a"},
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

// An address comes back from what it writes, and says how it is reached.
func TestAddressIsWhatItWrites(t *testing.T) {
	for in, want := range map[string]string{
		"ssh://git@github.com/acme/app.git":             "ssh://git@github.com/acme/app.git",
		"ssh://git@h:2222/a":                            "ssh://git@h:2222/a",
		"https://jdoe@GitHub.com:443/acme/app.git":      "https://github.com/acme/app.git",
		"https://h:8443/a b":                            "",
		"https://h:8443/My%20Project/a":                 "https://h:8443/My%20Project/a",
		"https://[2001:db8::1]/a":                       "https://[2001:db8::1]/a",
		"https://dev.azure.com/o/p%C3%A9/_git/a%3fb%23": "https://dev.azure.com/o/p%C3%A9/_git/a%3Fb%23",
	} {
		a, err := ParseAddress(in)
		if err != nil {
			if want != "" {
				t.Errorf("%s: %v", in, err)
			}
			continue
		}
		again, err := ParseAddress(a.URL())
		if a.URL() != want || err != nil || again != a || a.HTTPS() != strings.HasPrefix(want, "https") {
			t.Errorf("%s gives %s, which is %+v, %v", in, a.URL(), again, err)
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
	if key("https://jdoe@GitHub.com/acme/app.git") != key("https://github.com:443/acme/app/") {
		t.Error("two forms over HTTPS differ")
	}
	if key("https://h/a") == key("ssh://git@h:443/a") || key("https://h/a") == key("https://h:444/a") {
		t.Error("HTTPS and SSH, or two ports, have one key")
	}
	if key("ssh://git@h:22/a") == key("ssh://git@h:23/a") || key("git@h:a") == key("git@h:b") {
		t.Error("neighbours have one key")
	}
}

func TestParseAddressRefuses(t *testing.T) {
	for in, want := range map[string]string{
		"":                        "empty",
		"-oProxyCommand=id":       "dash",
		"--upload-pack=id":        "dash",
		"git@-host:a":             "host name",
		"ssh://-x@host/a":         "user name",
		"ssh://git@-host/a":       "host name",
		"git@host:-a":             "path starts with a dash",
		"ssh://git@host/-a":       "path starts with a dash",
		"ssh://git:secret@host/a": "password",
		"git:secret@host:a":       "user@host:path",
		"git@host:a\nb":           "line break",
		"ssh://git@host/a%0ab":    "line break",
		"git@host:a b":            "space",
		"https://user:secret@github.com/acme/app":  "credentials_file",
		"https://secret@github.com:x/acme/app":     "not a URL",
		"http://github.com/acme/app":               "everybody on the way",
		"HTTP://secret@github.com/acme/app":        "https://",
		"ftp://github.com/acme/app":                "ftp",
		"https://github.com":                       "path is empty",
		"https:///acme/app":                        "host name",
		"https://github.com/acme/app?token=secret": "query",
		"https://github.com/acme%2fapp":            "escaped slash",
		"https://github.com/acme/../app":           `".."`,
		"https://github.com/%2e%2e/app":            `".."`,
		"https://github.com/acme/a%0ab":            "line break",
		"https://github.com/-acme/app":             "dash",
		"https://git_hub@-host/a":                  "host name",
		"file:///srv/a.git":                        "file",
		"ext::sh -c id":                            "space",
		"/srv/a.git":                               "neither",
		"./a.git":                                  "neither",
		"a.git":                                    "neither",
		"host:a.git":                               "no user name",
		"ssh://git@host:0/a":                       "port",
		"ssh://git@host:65536/a":                   "port",
		"ssh://git@host:x/a":                       "not a URL",
		"ssh://git@host/a%c2%9b":                   "control",
		"ssh://git@host/a%e2%80%ae":                "control",
		"ssh://git@host":                           "path is empty",
		"ssh://git@host/":                          "path is empty",
		"git@host:":                                "neither",
		"ssh://git@host/a?b":                       "query",
		"ssh://git@host/a#b":                       "query",
		"ssh://git@ho%73t/a":                       "",
		"git@ho$t:a":                               "host name",
		"git@host:a\x00":                           "control",
		"git@" + strings.Repeat("h", 3000) + ":a":  "longer",
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
	for _, s := range []string{"git@h:a", "ssh://u@h:22/a", "ssh://[::1]/a", "-x", "a@b:c d", "https://u@h:1/a%20b", "https://h/../a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := ParseAddress(s)
		if err != nil {
			return
		}
		user := a.User
		if a.HTTPS() {
			user = "none"
			if again, err := ParseAddress(a.URL()); err != nil || again != a || a.User != "" {
				t.Errorf("%q: %+v is %+v when it is written and read, %v", s, a, again, err)
			}
		}
		for _, part := range []string{user, a.Host, a.Path} {
			if part == "" || part[0] == '-' || strings.ContainsAny(part, "\n\r\x00") {
				t.Errorf("%q: %+v", s, a)
			}
		}
		if a.Port < 1 || a.Port > 65535 {
			t.Errorf("%q: port %d", s, a.Port)
		}
	})
}

func TestKeptURL(t *testing.T) {
	for url, want := range map[string]string{
		"https://ghp_secret@github.com/acme/app.git":      "https://github.com/acme/app.git",
		"HTTPS://acme@dev.azure.com/acme/shop/_git/my%20": "https://dev.azure.com/acme/shop/_git/my%20",
		"https://tok@h.example:8443/a@b/c":                "https://h.example:8443/a@b/c",
		"https://h.example/a@b/c":                         "https://h.example/a@b/c",
		"https://H.example/x":                             "https://H.example/x",
		"git@github.com:acme/app.git":                     "git@github.com:acme/app.git",
		"ssh://me@h.example/x":                            "ssh://me@h.example/x",
		"nothing":                                         "nothing",
	} {
		if got := KeptURL(url); got != want {
			t.Errorf("%s is kept as %s, want %s", url, got, want)
		}
	}
}
