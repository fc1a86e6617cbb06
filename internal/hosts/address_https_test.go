package hosts

import (
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// On a vendor's own service HTTPS and SSH lead to one repository, on no other server.
func TestIdentityOverHTTPS(t *testing.T) {
	for _, c := range []struct {
		kind, one, other, name string
		same                   bool
	}{
		{kindGitHub, "https://github.com/Acme/app.git", "git@github.com:acme/app.git", "Acme/app", true},
		{kindGitHub, "https://jdoe@github.com:443/acme/app", "ssh://git@ssh.github.com:443/acme/app.git", "acme/app", true},
		{kindGitHub, "https://github.com/acme/app", "git@github.com:acme/app2", "acme/app", false},
		{kindGitHub, "https://github.com:8443/acme/app", "git@github.com:acme/app", "acme/app", false},
		{kindGitHub, "https://ghe.example/acme/app", "git@ghe.example:acme/app", "acme/app", false},
		{kindGitHub, "https://ghe.example/acme/app", "https://GHE.example:443/Acme/App.git", "acme/app", true},
		{kindGitHub, "https://evil.example/acme/app", "https://github.com/acme/app", "acme/app", false},
		{kindGitHub, "https://ssh.github.com/acme/app", "git@github.com:acme/app", "acme/app", false}, // it serves no HTTPS
		{kindGitLab, "https://gitlab.com/a/b/c.git", "git@gitlab.com:a/b/c.git", "a/b/c", true},
		{kindBitbucket, "https://bitbucket.org/acme/app.git", "git@bitbucket.org:acme/app.git", "acme/app", true},
		{kindBitbucketServer, "https://b.example/scm/core/app.git", "https://b.example/scm/CORE/app", "core/app", true},
		{kindBitbucketServer, "https://b.example/bitbucket/scm/core/app.git", "https://b.example/scm/core/app", "core/app", false},
		{kindBitbucketServer, "https://b.example/scm/core/app.git", "ssh://git@b.example:7999/core/app.git", "core/app", false},
		{kindGerrit, "https://r.example/a/core/app", "https://r.example/core/app", "core/app", true},
		{kindGerrit, "https://r.example/core/a/app", "https://r.example/core/app", "core/a/app", false},
		{kindGitBlit, "https://b.example/r/core/app.git", "https://b.example/r/core/App.git", "core/app", false},
		{kindAzure, "https://dev.azure.com/acme/Core%20Team/_git/app", "git@ssh.dev.azure.com:v3/acme/Core%20Team/app", "acme/Core Team/app", true},
		{kindAzure, "https://acme@dev.azure.com/acme/_git/app", "git@ssh.dev.azure.com:v3/acme/app/app", "acme/app/app", true},
		{kindAzure, "https://acme.visualstudio.com/DefaultCollection/core/_git/app", "https://dev.azure.com/acme/core/_git/app", "acme/core/app", true},
		{kindAzure, "https://acme.visualstudio.com/_git/app", "acme@vs-ssh.visualstudio.com:v3/acme/app/app", "acme/app/app", true},
		{kindAzure, "https://dev.azure.com/acme/core/_git/app", "https://dev.azure.com/other/core/_git/app", "acme/core/app", false},
		{kindAzure, "https://tfs.example/tfs/Main/core/_git/app", "https://tfs.example/Main/core/_git/app", "Main/core/app", true},
		{kindAzure, "https://tfs.example/Main/core/_git/app", "ssh://tfs.example:22/Main/core/_git/app", "Main/core/app", false},
		{kindGit, "https://h/a.git", "ssh://git@h:443/a.git", "a", false},
	} {
		one, other := identity(t, c.kind, c.one), identity(t, c.kind, c.other)
		if (one.Key == other.Key) != c.same || one.Name != c.name {
			t.Errorf("%s is %+v, %s is %+v", c.one, one, c.other, other)
		}
	}
}

func TestMovedOverHTTPS(t *testing.T) {
	for _, c := range []struct{ kind, from, name, want string }{
		{kindGitHub, "https://github.com/acme/app.git", "new/app2", "https://github.com/new/app2.git"},
		{kindBitbucketServer, "https://b.example:7990/ctx/scm/core/app.git", "~ml/app", "https://b.example:7990/ctx/scm/~ml/app.git"},
		{kindBitbucketServer, "https://b.example/core/app.git", "x/app", "https://b.example/x/app.git"},
		{kindGerrit, "https://r.example/a/core/app", "core/app2", "https://r.example/a/core/app2"},
		{kindGerrit, "https://r.example/core/a/app", "core/app2", "https://r.example/core/app2"},
		{kindGitBlit, "https://b.example/r/app.git", "core/app", "https://b.example/r/core/app.git"},
		{kindAzure, "https://dev.azure.com/acme/_git/app", "acme/Core Team/app2", "https://dev.azure.com/acme/Core%20Team/_git/app2"},
		{kindAzure, "https://acme.visualstudio.com/DefaultCollection/core/_git/app", "acme/core/app2", "https://acme.visualstudio.com/DefaultCollection/core/_git/app2"},
		{kindAzure, "https://tfs.example/tfs/Main/core/_git/app", "Main/core/app2", "https://tfs.example/tfs/Main/core/_git/app2"},
		{kindGit, "https://h/srv/app.git", "a/../b", ""},
	} {
		a, err := model.ParseAddress(c.from)
		if err != nil {
			t.Fatal(err)
		}
		got := Moved(c.kind, a, c.name)
		if got != c.want {
			t.Errorf("%s to %q: %s, want %s", c.from, c.name, got, c.want)
		} else if got != "" && !strings.EqualFold(identity(t, c.kind, got).Name, c.name) && c.kind != kindBitbucketServer {
			t.Errorf("%s is named %q", got, identity(t, c.kind, got).Name)
		}
	}
}

func TestKindOf(t *testing.T) {
	for url, want := range map[string]string{
		"https://github.com/a/b": kindGitHub, "https://gitlab.com/a/b": kindGitLab, "https://bitbucket.org/a/b": kindBitbucket,
		"https://dev.azure.com/o/_git/r": kindAzure, "https://org.visualstudio.com/_git/r": kindAzure, "https://a.b.visualstudio.com/_git/r": kindGit,
		"https://github.com:8443/a/b": kindGit, "https://ssh.github.com/a/b": kindGit, "https://ssh.dev.azure.com/a": kindGit, "https://github.com.evil.example/a": kindGit,
		"git@ssh.dev.azure.com:v3/a/b/c": kindAzure, "ssh://git@ssh.github.com:443/a/b": kindGitHub, "git@dev.azure.com:a": kindGit, "git@h:a": kindGit,
	} {
		a, err := model.ParseAddress(url)
		if err != nil {
			t.Fatal(err)
		}
		if got := KindOf(a); got != want {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
