package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/zap"

	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// directoryOf makes a directory of these entries.
func directoryOf(t testing.TB, entries ...config.Host) *directory {
	t.Helper()
	d, err := newDirectory(&config.Config{Hosts: entries}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func address(t testing.TB, url string) model.Address {
	t.Helper()
	a, err := model.ParseAddress(url)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestResolve(t *testing.T) {
	d := directoryOf(t,
		config.Host{Name: "lab", Kind: "gitlab", SSHHost: "git.example.com"},
		config.Host{Name: "tea", Kind: "gitea", SSHHost: "git.example.com:2222"},
		config.Host{Name: "hub", Kind: "github", SSHHost: "github.com"},
		config.Host{Name: "ghe", Kind: "github", SSHHost: "ghe.example.com"},
		config.Host{Name: "cloud", Kind: "bitbucket"},
		config.Host{Name: "az", Kind: "azure-devops", SSHHost: "ssh.dev.azure.com"},
		config.Host{Name: "six", Kind: "git", SSHHost: "2001:db8::1"},
	)
	for url, want := range map[string]string{
		"git@git.example.com:acme/app.git":                     "lab",
		"ssh://git@git.example.com:29/acme/app.git":            "lab",
		"ssh://git@GIT.example.com:2222/acme/app.git":          "tea",
		"git@github.com:acme/app.git":                          "hub",
		"ssh://git@ssh.github.com:443/acme/app.git":            "hub",
		"git@ghe.example.com:acme/app.git":                     "ghe",
		"git@bitbucket.org:acme/app.git":                       "cloud",
		"ssh://git@altssh.bitbucket.org:443/acme/app.git":      "cloud",
		"git@ssh.dev.azure.com:v3/org/project/repo":            "az",
		"org@vs-ssh.visualstudio.com:v3/org/project/repo":      "az",
		"ssh://git@[2001:db8::1]:22/a.git":                     "six",
		"git@gitlab.com:acme/app.git":                          "gitlab",
		"ssh://git@altssh.gitlab.com:443/acme/app.git":         "gitlab",
		"git@elsewhere.example.com:acme/app.git":               "git",
		"ssh://git@github.com.evil.example.com:443/acme/a.git": "git",
	} {
		if got, err := d.resolve("", address(t, url)); got != want || err != nil {
			t.Errorf("%s belongs to %q, %v; want %q", url, got, err, want)
		}
	}
	somewhere := address(t, "git@x.example.com:a.git")
	for _, name := range []string{"tea", "gitolite", "git"} {
		if got, err := d.resolve(name, somewhere); got != name || err != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if got, err := d.resolve("nope", somewhere); err == nil {
		t.Errorf("nope is %q", got)
	}
}

// Two addresses of one repository are one, by the rules of the entry's kind.
func TestIdentify(t *testing.T) {
	d := directoryOf(t,
		config.Host{Name: "tea", Kind: "gitea", SSHHost: "git.example.com"},
		config.Host{Name: "hub", Kind: "github"},
	)
	for _, pair := range [][2]string{
		{"git@github.com:Acme/App.git", "ssh://git@ssh.github.com:443/acme/app"},
		{"git@git.example.com:Acme/App.git", "ssh://git@git.example.com/acme/app.git"},
	} {
		a, b := d.identify("", address(t, pair[0])), d.identify("", address(t, pair[1]))
		if a.Key != b.Key {
			t.Errorf("%s and %s: %q, %q", pair[0], pair[1], a.Key, b.Key)
		}
	}
	plain := address(t, "git@srv.example.com:Acme/App.git")
	if d.identify("", plain).Key == d.identify("", address(t, "git@srv.example.com:acme/app.git")).Key {
		t.Error("a plain server knows upper and lower case")
	}
	if got, want := d.identify("gitea", plain), hosts.Identify("gitea", plain); got != want {
		t.Errorf("the kind named: %v, want %v", got, want)
	}
	// An entry that has left the config: what its address belongs to.
	if got, want := d.identify("old", address(t, "git@github.com:Acme/App.git")), d.identify("hub", address(t, "git@github.com:Acme/App.git")); got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestMoved(t *testing.T) {
	d := directoryOf(t, config.Host{Name: "hub", Kind: "github"})
	r := model.Repo{RepoSpec: model.RepoSpec{URL: "git@github.com:acme/old.git", Host: "hub"}}
	if got := d.moved(r, "acme/new"); got != "git@github.com:acme/new.git" {
		t.Error(got)
	}
	for _, name := range []string{"", "../x", "/etc"} {
		if got := d.moved(r, name); got != "" {
			t.Errorf("%q: %s", name, got)
		}
	}
	r.URL = "nothing"
	if got := d.moved(r, "acme/new"); got != "" {
		t.Error(got)
	}
}

// What the config calls twice in two ways is refused.
func TestOneRepositoryOnce(t *testing.T) {
	cfg := &config.Config{Repositories: []config.Repository{{URL: "git@github.com:Acme/App.git"}, {URL: "ssh://git@ssh.github.com:443/acme/app.git"}}}
	_, err := repoSpecs(cfg, directoryOf(t))
	var e *exitError
	if !errors.As(err, &e) || e.code != exitConfig || !strings.Contains(err.Error(), "repositories[1]: is the repository of repositories[0] already") {
		t.Error(err)
	}
}

func TestAdvise(t *testing.T) {
	d := directoryOf(t, config.Host{Name: "ger", Kind: "gerrit", SSHHost: "gerrit.example.com"})
	to := address(t, "ssh://git@gerrit.example.com:29418/app")
	cause := errors.New("cause")
	f := &model.Failure{Code: model.CodeAuthFailed, Detail: "refused", Hint: "add the key", Err: cause}
	hint := hosts.Hint("gerrit", model.CodeAuthFailed)
	got, ok := errors.AsType[*model.Failure](d.advise(to, f))
	if hint == "" || !ok || got.Code != f.Code || got.Detail != "refused" || got.Hint != "add the key; "+hint || !errors.Is(got, cause) {
		t.Errorf("%+v", got)
	}
	if again := d.advise(to, got); again != error(got) {
		t.Errorf("said twice: %v", again)
	}
	if err := d.advise(to, cause); err != cause {
		t.Error(err)
	}
	f.Code = model.CodeDiskFull // of which no host knows more
	if err := d.advise(to, f); err != error(f) {
		t.Error(err)
	}
}

func TestStreams(t *testing.T) {
	d := directoryOf(t,
		config.Host{Name: "ger", Kind: "gerrit", StreamEvents: "ssh://bot@gerrit.example.com:29418"},
		config.Host{Name: "quiet", Kind: "gerrit"},
	)
	want := stream{"ger", "gerrit", "ssh://bot@gerrit.example.com:29418"}
	if diff := cmp.Diff(map[stream]bool{want: true}, d.streams(), cmp.AllowUnexported(stream{})); diff != "" {
		t.Error(diff)
	}
	if to, err := want.target(); err != nil || to.User != "bot" || to.HostPort() != "gerrit.example.com:29418" {
		t.Error(to, err)
	}
}
