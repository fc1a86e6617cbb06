package hosts

import (
	"strings"
	"testing"

	"issuetrail/internal/model"
)

func identity(t *testing.T, kind, url string) model.Identity {
	t.Helper()
	a, err := model.ParseAddress(url)
	if err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	return Identify(kind, a)
}

// sameRepository are groups of addresses, the first with the name that all have but for case.
var sameRepository = []struct {
	kind, name string
	urls       []string
}{
	{kindGitHub, "acme/app", []string{
		"git@github.com:acme/app.git", "git@github.com:acme/app", "git@github.com:/acme/app.git", "ssh://git@github.com/acme/app.git",
		"ssh://git@github.com:22/acme/app.git/", "ssh://github.com/acme/app", "ssh://git@ssh.github.com:443/acme/app.git", "git@GitHub.com:Acme/App.git",
		"git@github.com.:acme/app.git", "org-1234@github.com:acme/app.git", "ssh://git@SSH.github.com:443/ACME/app",
	}},
	{kindGitHub, "acme/app", []string{"git@git.corp.example:acme/app.git", "ssh://git@git.corp.example/Acme/app"}},
	{kindGitLab, "acme/web/app", []string{
		"git@gitlab.com:acme/web/app.git", "ssh://git@gitlab.com/acme/web/app.git", "ssh://git@altssh.gitlab.com:443/acme/web/app.git", "git@gitlab.com:Acme/Web/App",
	}},
	{kindGitLab, "acme/app", []string{"ssh://git@gitlab.example.com:2222/acme/app.git", "ssh://git@gitlab.example.com:2222/ACME/app"}},
	{kindBitbucket, "acme/app", []string{
		"git@bitbucket.org:acme/app.git", "ssh://git@bitbucket.org/acme/app.git", "ssh://git@altssh.bitbucket.org:443/acme/app.git", "git@bitbucket.org:Acme/App.git",
	}},
	{kindBitbucketServer, "core/app", []string{"ssh://git@bitbucket.example.com:7999/core/app.git", "ssh://git@bitbucket.example.com:7999/CORE/app.git", "ssh://git@Bitbucket.example.com:7999/core/App"}},
	{kindBitbucketServer, "~mlopez/app", []string{"ssh://git@bitbucket.example.com:7999/~mlopez/app.git", "ssh://git@bitbucket.example.com:7999/~MLOPEZ/app.git"}},
	{kindGitea, "acme/app", []string{"git@codeberg.org:acme/app.git", "ssh://git@codeberg.org/Acme/app.git", "ssh://gitea@codeberg.org:22/acme/app"}},
	{kindAzure, "acme/Core/app", []string{
		"git@ssh.dev.azure.com:v3/acme/Core/app", "ssh://git@ssh.dev.azure.com/v3/acme/Core/app", "ssh://git@ssh.dev.azure.com:22/v3/Acme/core/APP/",
		"acme@vs-ssh.visualstudio.com:v3/acme/Core/app", "ssh://acme@vs-ssh.visualstudio.com/v3/acme/Core/app", "git@vs-ssh.visualstudio.com:v3/acme/Core/app",
		"ssh://acme@vs-ssh.visualstudio.com:22/DefaultCollection/Core/_ssh/app", "ssh://acme@vs-ssh.visualstudio.com:22/Core/_ssh/app",
		"ssh://acme@vs-ssh.visualstudio.com/Core/_git/app", "acme@vs-ssh.visualstudio.com:Core/_ssh/app", "ssh://acme@acme.visualstudio.com:22/DefaultCollection/Core/_git/app",
	}},
	{kindAzure, "acme/app/app", []string{
		"git@ssh.dev.azure.com:v3/acme/app/app", "ssh://acme@vs-ssh.visualstudio.com:22/_ssh/app", "ssh://acme@vs-ssh.visualstudio.com:22/DefaultCollection/_ssh/app",
		"ssh://acme@vs-ssh.visualstudio.com:22/app/_ssh/app", "ssh://acme@acme.visualstudio.com:22/_git/App",
	}},
	{kindAzure, "acme/Core Team/my app", []string{
		"git@ssh.dev.azure.com:v3/acme/Core%20Team/my%20app", "ssh://git@ssh.dev.azure.com/v3/acme/Core%20Team/my%20app", "git@ssh.dev.azure.com:v3/acme/core%20team/my%20app",
		"ssh://acme@vs-ssh.visualstudio.com:22/Core%20Team/_ssh/my%20app",
	}},
	{kindAzure, "acme/Bücher/app", []string{"git@ssh.dev.azure.com:v3/acme/B%C3%BCcher/app", "git@ssh.dev.azure.com:v3/acme/Bücher/app", "ssh://git@ssh.dev.azure.com/v3/acme/B%C3%BCcher/app"}},
	{kindAzure, "Main/Core/app", []string{
		"ssh://azure.example.com:22/Main/Core/_git/app", "ssh://azure.example.com/Main/Core/_ssh/app", "ssh://git@azure.example.com:22/tfs/Main/Core/_git/app", "ssh://azure.example.com/TFS/main/core/_ssh/APP",
	}},
	{kindAzure, "Main/app/app", []string{"ssh://azure.example.com:22/Main/_git/app", "ssh://azure.example.com:22/tfs/Main/_ssh/app", "ssh://azure.example.com:22/Main/app/_git/app"}},
	{kindAzure, "tfs/Core/app", []string{"ssh://azure.example.com:22/tfs/tfs/Core/_git/app"}},
	{kindAzure, "Main/Core/app", []string{"ssh://azure.example.com:2222/dev/ops/Main/Core/_git/app", "ssh://azure.example.com:2222/dev/ops/Main/Core/_ssh/app"}},
}

func TestOneIdentity(t *testing.T) {
	keys := map[string]string{} // of all groups: no two are one repository
	for _, group := range sameRepository {
		first := identity(t, group.kind, group.urls[0])
		if first.Name != group.name {
			t.Errorf("%s: name %q, want %q", group.urls[0], first.Name, group.name)
		}
		if other, taken := keys[first.Key]; taken {
			t.Errorf("%s and %s are one: %s", group.urls[0], other, first.Key)
		}
		keys[first.Key] = group.urls[0]
		for _, u := range group.urls {
			got := identity(t, group.kind, u)
			if got.Key != first.Key || !strings.EqualFold(got.Name, group.name) {
				t.Errorf("%s is %+v, and %s is %+v", group.urls[0], first, u, got)
			}
		}
	}
}

func TestNameKeepsItsCase(t *testing.T) {
	for url, want := range map[string]string{
		"git@github.com:Acme/App.git": "Acme/App", "ssh://git@ssh.github.com:443/Acme/App": "Acme/App",
	} {
		if got := identity(t, kindGitHub, url).Name; got != want {
			t.Errorf("%s: %q", url, got)
		}
	}
	if got := identity(t, kindAzure, "git@ssh.dev.azure.com:v3/Acme/CORE/App").Name; got != "Acme/CORE/App" {
		t.Error(got)
	}
}

func TestTwoIdentities(t *testing.T) {
	for _, c := range []struct{ kind, one, other string }{
		{kindGitHub, "git@github.com:acme/app.git", "git@github.com:acme/app2.git"},
		{kindGitHub, "git@github.com:acme/app.git", "git@git.example.com:acme/app.git"},
		{kindGitHub, "git@github.com:acme/app.git", "ssh://git@github.com:2222/acme/app.git"},
		{kindGitHub, "git@github.com:acme/app.git", "ssh://git@ssh.github.com/acme/app.git"}, // nothing is documented to answer on its port 22
		{kindGitHub, "git@github.com:acme/app.git", "ssh://git@altssh.gitlab.com:443/acme/app.git"},
		{kindGitHub, "git@github.com:acme/app.git", "git@github.com:acme/app.wiki.git"},
		{kindGitLab, "git@gitlab.com:acme/app.git", "git@gitlab.com:acme/web/app.git"},
		{kindGitLab, "git@gitlab.com:acme/app.git", "ssh://git@gitlab.com:443/acme/app.git"},
		{kindBitbucketServer, "ssh://git@b.example.com:7999/core/app.git", "ssh://git@b.example.com:7999/~core/app.git"},
		{kindBitbucketServer, "ssh://git@b.example.com:7999/core/app.git", "ssh://git@b.example.com:22/core/app.git"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "git@ssh.dev.azure.com:v3/other/core/app"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "git@ssh.dev.azure.com:v3/acme/other/app"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "git@ssh.dev.azure.com:v3/acme/core/app.git"}, // no form has ".git", so it is of the name
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "ssh://other@vs-ssh.visualstudio.com:22/core/_ssh/app"},
		{kindAzure, "ssh://acme@vs-ssh.visualstudio.com:22/core/_ssh/app", "ssh://acme@vs-ssh.visualstudio.com:22/_ssh/app"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "ssh://git@vs-ssh.visualstudio.com:22/core/_ssh/app"}, // git is no organization
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "ssh://azure.example.com:22/acme/core/_git/app"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "git@ssh.dev.azure.com:v3/acme/core%2Fapp/app"},
		{kindAzure, "ssh://a.example.com:22/Main/core/_git/app", "ssh://a.example.com:22/Other/core/_git/app"},
		{kindAzure, "ssh://a.example.com:22/Main/core/_git/app", "ssh://a.example.com:2222/Main/core/_git/app"},
		{kindAzure, "ssh://a.example.com:22/Main/core/_git/app", "ssh://a.example.com:22/dev/Main/core/_git/app"},
		{kindGit, "git@git.example.com:acme/app.git", "git@git.example.com:Acme/app.git"}, // directories have case
	} {
		if one, other := identity(t, c.kind, c.one), identity(t, c.kind, c.other); one.Key == other.Key {
			t.Errorf("%s and %s are one: %s", c.one, c.other, one.Key)
		}
	}
}

// TestIdentifyAnything: any address may come, of a server of another kind as well.
func TestIdentifyAnything(t *testing.T) {
	for _, path := range []string{"a", "/", "v3", "v3/a", "v3/a/b", "v3/a/b/c/d", "_git", "_git/a", "a/_git", "_ssh/_ssh/_ssh", "%zz/_git/%2f", "%00/_git/a", "///", "tfs/_git/a", "DefaultCollection/_ssh/a", "a//b", "%ff/b/_git/c"} {
		for _, host := range []string{"h", "ssh.dev.azure.com", "vs-ssh.visualstudio.com", "a.visualstudio.com", "ssh.a.visualstudio.com", "visualstudio.com", "::1", "github.com", "dev.azure.com"} {
			for _, slash := range []string{"", "/", model.SchemeHTTPS} {
				a := model.Address{User: "u", Host: host, Port: 22, Path: slash + path}
				if slash == model.SchemeHTTPS {
					a = model.Address{Scheme: slash, Host: host, Port: 443, Path: "/" + path}
				}
				for _, kind := range Kinds() {
					id := Identify(kind, a)
					if id.Key == "" || bad(id.Name, maxName) && !bad(a.Path, maxName) {
						t.Errorf("%s %+v: %+v", kind, a, id)
					}
					if u := Moved(kind, a, "x/y/z"); u != "" {
						if _, err := model.ParseAddress(u); err != nil {
							t.Errorf("%s %+v moved to %s: %v", kind, a, u, err)
						}
					}
				}
			}
		}
	}
}

func TestMoved(t *testing.T) {
	for _, c := range []struct{ kind, from, name, want string }{
		{kindGitHub, "git@github.com:acme/app.git", "new/app2", "git@github.com:new/app2.git"},
		{kindGitHub, "git@github.com:acme/app", "new/app2", "git@github.com:new/app2"},
		{kindGitHub, "ssh://git@ssh.github.com:443/acme/app.git", "new/app2", "ssh://git@ssh.github.com:443/new/app2.git"},
		{kindGitLab, "ssh://git@gitlab.example.com:2222/a/b/c.git", "d/c", "ssh://git@gitlab.example.com:2222/d/c.git"},
		{kindGitea, "git@codeberg.org:acme/app.git", "new/app", "git@codeberg.org:new/app.git"},
		{kindBitbucket, "git@bitbucket.org:acme/app.git", "new/app", "git@bitbucket.org:new/app.git"},
		{kindBitbucketServer, "ssh://git@b.example.com:7999/core/app.git", "~mlopez/app", "ssh://git@b.example.com:7999/~mlopez/app.git"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "acme/core/app2", "git@ssh.dev.azure.com:v3/acme/core/app2"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "acme/Core Team/my app", "git@ssh.dev.azure.com:v3/acme/Core%20Team/my%20app"},
		{kindAzure, "ssh://git@ssh.dev.azure.com/v3/acme/core/app", "acme/core/my app", "ssh://git@ssh.dev.azure.com/v3/acme/core/my%20app"},
		{kindAzure, "acme@vs-ssh.visualstudio.com:v3/acme/core/app", "acme/core/app2", "acme@vs-ssh.visualstudio.com:v3/acme/core/app2"},
		{kindAzure, "acme@vs-ssh.visualstudio.com:v3/acme/core/app", "other/core/app2", "other@vs-ssh.visualstudio.com:v3/other/core/app2"},
		{kindAzure, "ssh://acme@vs-ssh.visualstudio.com:22/DefaultCollection/core/_ssh/app", "acme/core/app2", "ssh://acme@vs-ssh.visualstudio.com/DefaultCollection/core/_ssh/app2"},
		{kindAzure, "ssh://acme@vs-ssh.visualstudio.com:22/_ssh/app", "acme/app/app2", "ssh://acme@vs-ssh.visualstudio.com/app/_ssh/app2"},
		{kindAzure, "ssh://azure.example.com:22/tfs/Main/core/_git/app", "Main/core/app2", "ssh://git@azure.example.com/tfs/Main/core/_git/app2"},
		{kindAzure, "ssh://azure.example.com:2222/Main/_ssh/app", "Main/app/my app", "ssh://git@azure.example.com:2222/Main/app/_ssh/my%20app"},
		{kindAzure, "ssh://azure.example.com/dev/ops/Main/core/_git/app", "Main/core/app2", "ssh://git@azure.example.com/dev/ops/Main/core/_git/app2"},
		{kindAzure, "git@ssh.dev.azure.com:v3/acme/core/app", "acme/core/a:b", "git@ssh.dev.azure.com:v3/acme/core/a:b"},
		{kindGitHub, "git@github.com:acme/app.git", "", ""},
		{kindGitHub, "git@github.com:acme/app.git", "/etc", ""},
		{kindGitHub, "git@github.com:acme/app.git", "a/../b", ""},
		{kindGitHub, "git@github.com:acme/app.git", "-oProxyCommand=x/b", ""},
		{kindGitHub, "git@github.com:acme/app.git", "a b/c", ""},
		{kindGitHub, "git@github.com:acme/app.git", "a\nb/c", ""},
	} {
		a, err := model.ParseAddress(c.from)
		if err != nil {
			t.Fatal(err)
		}
		got := Moved(c.kind, a, c.name)
		if got != c.want {
			t.Errorf("%s to %q: %s, want %s", c.from, c.name, got, c.want)
		}
		if got == "" {
			continue
		}
		// The address that a repository moved to is that of its new name.
		if id := identity(t, c.kind, got); !strings.EqualFold(id.Name, c.name) {
			t.Errorf("%s is named %q, not %q", got, id.Name, c.name)
		}
	}
}
