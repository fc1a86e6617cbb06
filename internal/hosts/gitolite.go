package hosts

import (
	"net/http"

	"issuetrail/hooks"
	"issuetrail/internal/model"
)

// gitolite is Gitolite 3. It tells of pushes by the hook of plain git, which takes
// the name of the repository from GL_REPO.
type gitolite struct{}

func (gitolite) Kind() string { return kindGitolite }

func (gitolite) Verify(h http.Header, body []byte, secret Secret) error {
	return verifyScript(h, body, secret, kindGitolite)
}

func (gitolite) Parse(h http.Header, body []byte) (model.Push, error) { return parseScript(h, body) }

// Links gives none: Gitolite has no pages. Those of cgit and gitweb are templates of the config.
func (gitolite) Links(string, model.Repo) model.Links { return model.Links{} }

func (gitolite) script() Script {
	return Script{Text: hooks.PostReceive, Place: "For chosen repositories: first, on the server, give ~/.gitolite.rc of Gitolite's account the line LOCAL_CODE => \"$rc{GL_ADMIN_BASE}/local\", and 'repo-specific-hooks', " +
		"in its ENABLE list (both stand there as comments). Then save the script, executable, as local/hooks/repo-specific/issuetrail in a clone of gitolite-admin, " +
		"add `option hook.post-receive = issuetrail` to these repositories (or to `repo @all`) in conf/gitolite.conf, commit and push both. " +
		"In the other order nothing is said and nothing is told: `gitolite setup` on the server mends it. " +
		"For all repositories: save it, executable, as hooks/common/post-receive under LOCAL_CODE on the server, and run `gitolite setup --hooks-only`."}
}

func (gitolite) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "the public key must be pushed to gitolite-admin as keydir/issuetrail.pub (a second key beside it in a folder, keydir/new/issuetrail.pub), and each key may stand there under one name only; the account in the URL is mostly git or gitolite"
	case model.CodeNotFound:
		return "Gitolite answers the same for a repository that does not exist and for one that the key may not read: `R = issuetrail` grants it in conf/gitolite.conf, and `ssh ACCOUNT@HOST info` lists what a key may do"
	}
	return ""
}

// Guide is for Gitolite 3.
func (gitolite) Guide(s Site) []Step {
	host := s.ssh("git.example.com")
	steps := []Step{
		s.keyStep("Save it as keydir/issuetrail.pub in a clone of gitolite-admin."),
		{
			Title: "Let it read",
			Text:  "Add this to conf/gitolite.conf of the clone, or grant R in chosen repositories alone. Then commit and push both.",
			Code:  "repo @all\n    R = issuetrail",
		},
	}
	steps = append(steps, s.hostKeySteps(sshdKeys)...)
	return append(steps, s.secretStep(), scriptSecret("the account of Gitolite"), s.scriptStep(gitolite{}.script(), kindGitolite),
		s.checkStep(exampleURL(host, "acme/app")))
}
