package hosts

import (
	"net/http"
	"strings"

	"issuetrail/hooks"
	"issuetrail/internal/model"
)

// gitblit is GitBlit 1.x. A Groovy script tells of pushes.
type gitblit struct{}

func (gitblit) Kind() string { return kindGitBlit }

func (gitblit) Verify(h http.Header, body []byte, secret Secret) error {
	return verifyScript(h, body, secret, kindGitBlit)
}

func (gitblit) Parse(h http.Header, body []byte) (model.Push, error) { return parseScript(h, body) }

// Links are those of web.mountParameters = true, the default: each parameter is one
// segment of the path, so the slashes in it are escaped. The name ends in ".git" there.
func (gitblit) Links(base string, repo model.Repo) model.Links {
	name := repo.Name
	if name != "" && !strings.HasSuffix(name, ".git") {
		name += ".git"
	}
	return webLinks(base, map[string]string{"name": name}, model.Links{
		Repo:        "{web}/summary/{name:all}",
		Commit:      "{web}/commit/{name:all}/{hash}",
		Branch:      "{web}/log/{name:all}/refs%2Fheads%2F{branch:all}",
		Tag:         "{web}/log/{name:all}/refs%2Ftags%2F{tag:all}",
		Compare:     "{web}/compare/{name:all}/{from:all}..{to:all}",
		File:        "{web}/blob/{name:all}/{hash}/{path:all}",
		PullRequest: "{web}/tickets/{name:all}/{number}",
	})
}

func (gitblit) script() Script {
	return Script{Text: hooks.GitBlit, Place: "Save it as issuetrail.groovy in the folder that groovy.scriptsFolder of gitblit.properties names (${baseFolder}/groovy), " +
		"and add issuetrail to groovy.postReceiveScripts there, for all repositories; or choose it as a post-receive script of a team or of one repository, on their pages."}
}

func (gitblit) hint(code string) string {
	switch code {
	case model.CodeAuthFailed, model.CodeProtocol:
		return "GitBlit's SSH server takes an RSA key with the old SHA-1 signature alone: set allow_sha1: true in this hosts entry. " +
			"The user in the URL is the GitBlit account that has the key on its profile page"
	case model.CodeNotFound:
		return "the path is the whole name of the repository with its folders and .git; GitBlit also hides what the account may not clone"
	}
	return ""
}

// Guide is for GitBlit 1.10; older versions have the same places.
func (gitblit) Guide(s Site) []Step {
	s.SSHHost = withPort(s.ssh("gitblit.example.com"), "29418")
	steps := []Step{
		s.keyStep("Log in at " + s.web("https://gitblit.example.com", "") + " as an account that may clone the repositories: the account's menu → profile → SSH keys → add. " +
			"View permission is enough. That account is the user name in the clone URLs."),
		{
			Title: "Allow the old signature",
			Text:  "GitBlit's SSH server does not know the newer signatures of RSA keys. Set this in the hosts entry of the config, and reload; it holds for this host alone.",
			Code:  "allow_sha1: true",
		},
	}
	steps = append(steps, s.hostKeySteps("On the server it is the output of `ssh-keygen -lf ssh-rsa-hostkey.pem` in GitBlit's base folder.")...)
	return append(steps, s.secretStep(), scriptSecret("the account that GitBlit runs as"), s.scriptStep(gitblit{}.script(), kindGitBlit),
		s.checkStep("ssh://issuetrail@"+s.SSHHost+"/acme/app.git"))
}
