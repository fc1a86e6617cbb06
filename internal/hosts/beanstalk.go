package hosts

import (
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

// beanstalk is beanstalkapp.com, with its classic and its modular webhooks.
// https://support.beanstalkapp.com/article/958-modular-webhooks-json-examples
type beanstalk struct{}

const stalkDomain = ".beanstalkapp.com"

func (beanstalk) Kind() string { return kindBeanstalk }

// Verify refuses everything: Beanstalk does not sign.
func (beanstalk) Verify(http.Header, []byte, Secret) error { return ErrSignature }

// VerifyPath compares the end of the path.
func (beanstalk) VerifyPath(given string, secret Secret) error { return verifyPath(given, secret) }

// identify finds one repository in
//
//	git@acct.beanstalkapp.com:/repo.git
//	git@acct.git.beanstalkapp.com:/acct/repo.git
//	git@acct.git.beanstalkapp.com:/repo.git
//	git@acct.git.beanstalkapp.com:acct/repo.git
//
// as in the address of its page, acct.beanstalkapp.com/repo.
func (beanstalk) identify(a model.Address) model.Identity {
	account, ok := stalkAccount(a.Host)
	if !ok {
		return a.Identity()
	}
	a.Host, a.Port = account+stalkDomain, 22
	if owner, repo, ok := strings.Cut(a.Name(), "/"); ok && strings.EqualFold(owner, account) {
		a.Path = repo
	}
	return a.Identity()
}

// moved writes the shortest form, which every account takes.
func (beanstalk) moved(a model.Address, name string) model.Address { return movedPath(a, name) }

// stalkAccount gives the account of a host name.
func stalkAccount(host string) (string, bool) {
	account, ok := strings.CutSuffix(strings.TrimSuffix(host, "."), stalkDomain)
	account = strings.TrimSuffix(account, ".git")
	return account, ok && account != "" && account != "git" && !strings.Contains(account, ".")
}

// Links are those of the account's pages; without a base they follow from the clone URL.
// Beanstalk has no page that compares.
func (beanstalk) Links(base string, repo model.Repo) model.Links {
	if base == "" {
		if a, err := model.ParseAddress(repo.URL); err == nil {
			if account, ok := stalkAccount(a.Host); ok {
				base = "https://" + account + stalkDomain
			}
		}
	}
	return webLinks(base, named(repo), model.Links{
		Repo:   "{web}/{name}",
		Commit: "{web}/{name}/changesets/{hash}",
		Branch: "{web}/{name}/browse/git?ref=b-{branch}",
		Tag:    "{web}/{name}/browse/git?ref=t-{tag}",
		File:   "{web}/{name}/browse/git/{path}?ref=c-{hash}",
	})
}

func (beanstalk) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "the key belongs to a user of the account: its profile → Access → Public keys"
	case model.CodeNotFound:
		return "the user that has the key needs read permission for the repository; take the address from the repository's page"
	}
	return ""
}

// Guide is from Beanstalk's documentation.
func (beanstalk) Guide(s Site) []Step {
	s.SSHHost = s.ssh("acme.git.beanstalkapp.com")
	page := s.web("https://acme.beanstalkapp.com", "")
	steps := []Step{s.keyStep("Log in at " + page + " as a user that may read the repositories: profile and settings → Access → Public keys → Add new key.")}
	steps = append(steps, s.hostKeySteps("Ask Beanstalk's support for theirs, or compare what two networks see.")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "Repository → Settings → Integrations → Modular Webhooks (or Classic Webhooks, which tell of pushes alone). The address is the one below, with the line of the " +
				"secret file in place of SECRET: Beanstalk cannot sign, so the address is the proof. Choose the triggers for pushes and for branches and tags that are made and deleted.",
			Code: s.Webhook + "/SECRET",
		},
		s.checkStep(exampleURL(s.SSHHost, "/acme/app.git")),
	)
}
