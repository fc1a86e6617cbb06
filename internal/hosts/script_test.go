package hosts

import (
	"errors"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// hostile are words that a shell or Groovy would act on.
var hostile = []string{
	"https://trail.example.com/webhooks/git", "/etc/it's a \"secret\"", "$(touch /tmp/x)`id`${HOME}$HOME", `\n\'\\`, "'; exit 1; '", "two\nlines", "größe",
}

func TestInstallInShell(t *testing.T) {
	for _, kind := range []string{kindGit, kindGitolite} {
		script, ok := ScriptOf(kind)
		if !ok || script.Place == "" {
			t.Fatalf("%s: %v %q", kind, ok, script.Place)
		}
		for _, url := range hostile {
			for _, file := range hostile {
				text := script.Install(url, file)
				head, _, found := strings.Cut(text, "root=")
				if !found || !strings.HasPrefix(head, "#!/bin/sh\n") {
					t.Fatalf("the head of the script is\n%s", head)
				}
				out, err := exec.Command("dash", "-c", head+"\nprintf '%s|%s' \"$url\" \"$secret_file\"").CombinedOutput()
				if err != nil || string(out) != url+"|"+file {
					t.Errorf("%q, %q: %v %q", url, file, err, out)
				}
				if rest := strings.Count(text, "\n") - strings.Count(url+file, "\n"); rest != strings.Count(script.Text, "\n") {
					t.Errorf("%q, %q: other lines were changed", url, file)
				}
			}
		}
	}
}

func TestInstallInGroovy(t *testing.T) {
	script, ok := ScriptOf(kindGitBlit)
	if !ok {
		t.Fatal("gitblit has no script")
	}
	text := script.Install("https://h/it's", `C:\secret $x`)
	for _, line := range []string{"\ndef webhook = 'https://h/it\\'s'\n", "\ndef secretFile = 'C:\\\\secret $x' //"} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %q", line)
		}
	}
	if strings.Count(text, "\n") != strings.Count(script.Text, "\n") || strings.Contains(text, "/etc/issuetrail-hook") {
		t.Error("other lines were changed, or a setting was left")
	}
	if got := script.Install("", ""); got != script.Text {
		t.Error("nothing to fill in changed the script")
	}
	if got := quoteGroovy("a\r\nb"); got != `'a\r\nb'` {
		t.Errorf("a line break: %s", got)
	}
}

func TestScriptsTakeJSON(t *testing.T) {
	for _, h := range []Host{plain{}, gitolite{}, gitblit{}} {
		p, err := h.Parse(nil, []byte(`{"ref":"refs/heads/main","repository":{"ssh_url":"git@h:a.git"}}`))
		if err != nil || len(p.Updates) != 1 || len(p.URLs) != 1 {
			t.Errorf("%s: %+v, %v", h.Kind(), p, err)
		}
	}
}

func TestBeanstalkIdentity(t *testing.T) {
	one := []string{
		"git@acme.beanstalkapp.com:/app.git", "git@acme.git.beanstalkapp.com:/acme/app.git", "git@acme.git.beanstalkapp.com:/app.git",
		"git@acme.git.beanstalkapp.com:acme/app.git", "ssh://git@ACME.git.beanstalkapp.com/acme/app.git", "git@acme.git.beanstalkapp.com:app",
	}
	want := model.Identity{Key: "acme.beanstalkapp.com:22/app", Name: "app"}
	for _, u := range one {
		if got := identity(t, kindBeanstalk, u); got != want {
			t.Errorf("%s: %+v", u, got)
		}
	}
	for _, u := range []string{
		"git@other.git.beanstalkapp.com:/acme/app.git", "git@acme.beanstalkapp.com:/other.git", "git@acme.beanstalkapp.com.example.com:/app.git",
		"git@beanstalkapp.com:/app.git", "git@a.acme.beanstalkapp.com:/app.git", "git@git.beanstalkapp.com:/app.git", "git@evil-beanstalkapp.com:/app.git", "git@acme.git.beanstalkapp.com:/acme/acme/app.git",
	} {
		if got := identity(t, kindBeanstalk, u); got.Key == want.Key {
			t.Errorf("%s is taken for acme's app", u)
		}
	}
	if got := identity(t, kindBeanstalk, "git@acme.git.beanstalkapp.com:/acme.git"); got.Name != "acme" {
		t.Errorf("a repository called like its account: %+v", got)
	}
	a, _ := model.ParseAddress(one[1])
	if got := identity(t, kindBeanstalk, Moved(kindBeanstalk, a, "new")); got.Key != "acme.beanstalkapp.com:22/new" {
		t.Errorf("moved: %+v", got)
	}
}

// TestServersOfOnesOwn: the user is no part of what a repository is, nor a slash or ".git" around it.
func TestServersOfOnesOwn(t *testing.T) {
	for kind, urls := range map[string][]string{
		kindGerrit:   {"ssh://anna@h:29418/a/b", "ssh://trail@h:29418/a/b.git", "ssh://h:29418/a/b/"},
		kindGitBlit:  {"ssh://anna@h:29418/a/b.git", "ssh://trail@h:29418/a/b"},
		kindGitolite: {"git@h:a/b", "git@h:/a/b.git", "ssh://gitolite@h/a/b/"},
		kindGit:      {"git@h:a/b", "ssh://me@h:22/a/b.git"},
	} {
		for _, u := range urls {
			if got, want := identity(t, kind, u), identity(t, kind, urls[0]); got != want || got.Name != "a/b" {
				t.Errorf("%s, %s: %+v, want %+v", kind, u, got, want)
			}
		}
	}
	// Over SSH /a/ is a folder like any other, unlike in Gerrit's HTTP addresses.
	if identity(t, kindGerrit, "ssh://h:29418/a/b") == identity(t, kindGerrit, "ssh://h:29418/b") {
		t.Error("two projects are taken for one")
	}
}

// TestRefsThatCannotBeKept: a push rings whatever git allows as the name of a branch; the name is
// a hint, and left out.
func TestRefsThatCannotBeKept(t *testing.T) {
	zero, one := strings.Repeat("0", 40), strings.Repeat("1", 40)
	latin, long, longer := "refs/heads/br\xfccke", "refs/heads/"+strings.Repeat("a/", 600)+"b", "refs/tags/"+strings.Repeat("a/", 2000)+"b"
	for _, c := range []struct {
		refs []string
		kept int
		err  error
	}{
		{[]string{latin}, 0, nil},
		{[]string{long, longer}, 0, nil},
		{[]string{"refs/heads/main", latin, longer}, 1, nil},
		{[]string{"refs/notes/x", latin}, 0, nil},
		{[]string{"refs/notes/br\xfccke", "refs/x/" + longer}, 0, ErrIgnored},
	} {
		body := "repo acme/app\n"
		for _, ref := range c.refs {
			body += zero + " " + one + " " + ref + "\n"
		}
		p, err := plain{}.Parse(http.Header{}, []byte(body))
		if sound(t, p, err); !errors.Is(err, c.err) || p.RepoName != "acme/app" || len(p.Updates) != c.kept {
			t.Errorf("%.60q: %v, %+v", c.refs, err, p)
		}
	}
	body := `{"ref":"` + long + `","repository":{"id":7,"full_name":"acme/app"}}`
	if p, err := (github{}).Parse(http.Header{"X-Github-Event": {"push"}}, []byte(body)); err != nil || p.RepoID != "7" || len(p.Updates) != 0 {
		t.Errorf("of GitHub: %v, %+v", err, p)
	}
}
