package hosts

import (
	"net"
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

// gerrit is Gerrit Code Review: what its plugin webhooks sends, and what the command
// stream-events prints, one event a line, which is the same JSON.
// https://gerrit-review.googlesource.com/Documentation/cmd-stream-events.html
type gerrit struct{}

func (gerrit) Kind() string { return kindGerrit }

// Verify refuses everything: the plugin neither signs nor knows a secret.
func (gerrit) Verify(http.Header, []byte, Secret) error { return ErrSignature }

// VerifyPath compares the end of the path.
func (gerrit) VerifyPath(given string, secret Secret) error { return verifyPath(given, secret) }

func verifyPath(given string, secret Secret) error {
	if !secret.matches(given) {
		return ErrSignature
	}
	return nil
}

// gerritEvents are those that tell something here.
var gerritEvents = []string{
	"ref-updated", "batch-ref-updated", "project-created", "project-head-updated",
	"patchset-created", "change-merged", "change-abandoned", "change-restored", "change-deleted",
	"topic-changed", "wip-state-changed", "private-state-changed",
}

// stream is the command for sites without the plugin.
func (gerrit) stream() string { return "gerrit stream-events -s " + strings.Join(gerritEvents, " -s ") }

// Links are those of the plugin gitiles, which comes with Gerrit. Of gitweb the
// templates of the config can tell.
func (gerrit) Links(base string, repo model.Repo) model.Links {
	return webLinks(base, named(repo), model.Links{
		Repo:        "{web}/plugins/gitiles/{name}",
		Commit:      "{web}/plugins/gitiles/{name}/+/{hash}",
		Branch:      "{web}/plugins/gitiles/{name}/+/refs/heads/{branch}",
		Tag:         "{web}/plugins/gitiles/{name}/+/refs/tags/{tag}",
		Compare:     "{web}/plugins/gitiles/{name}/+/{from}..{to}",
		File:        "{web}/plugins/gitiles/{name}/+/{hash}/{path}[#{line}]",
		PullRequest: "{web}/c/{name}/+/{number}",
	})
}

func (gerrit) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "the user name in the URL is that of the Gerrit account which has the key (Settings → SSH Keys), not git"
	case model.CodeNotFound:
		return "Gerrit says so, too, of a project that the account may not read; the path is the whole name of the project, without the /a/ of its HTTP address"
	}
	return ""
}

// Guide is for Gerrit 2.16 and later.
func (gerrit) Guide(s Site) []Step {
	host := withPort(s.ssh("gerrit.example.com"), "29418")
	s.SSHHost = host
	name, port, _ := net.SplitHostPort(host)
	steps := []Step{s.keyStep("Make an account for issuetrail that has it: `ssh -p " + port + " ADMIN@" + name + " gerrit create-account issuetrail --ssh-key -`, with the key as its input. " +
		"Or log in as an account that is there and add it at " + s.web("https://gerrit.example.com", "/settings/#SSHKeys") +
		". The account needs Read on refs/heads/* and refs/tags/*. Its name is the user name in the clone URLs.")}
	steps = append(steps, s.hostKeySteps("On the server it is the output of `ssh-keygen -lf` for the ssh_host_*_key.pub files in Gerrit's etc folder.")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "The plugin webhooks, which comes with Gerrit, must be installed. In the project's refs/meta/config, or in that of All-Projects for all of them, save this as webhooks.config, " +
				"with the line of the secret file in place of SECRET: the plugin cannot sign, so the address is the proof. Who may read refs/meta/config sees it. " +
				"Without sslVerify Gerrit would not look at our certificate.",
			Code: gerritConfig(s.Webhook),
		},
		Step{
			Title: "Commit it",
			Text:  "This is how refs/meta/config is changed. Save webhooks.config in the clone after the second line, before the third.",
			Code: "git clone ssh://ADMIN@" + host + "/All-Projects && cd All-Projects\ngit fetch origin refs/meta/config && git checkout FETCH_HEAD\n" +
				"git add webhooks.config && git commit -m 'Tell issuetrail'\ngit push origin HEAD:refs/meta/config",
		},
		Step{
			Title: "Or, without the plugin: listen over SSH",
			Text: "Give the account the global capability Stream Events (All-Projects → Access), set this in the hosts entry of the config, and reload. " +
				"No address of ours needs to be reachable for Gerrit then.",
			Code: "stream_events: ssh://issuetrail@" + host,
		},
		s.checkStep("ssh://issuetrail@"+host+"/acme/app"),
	)
}

func gerritConfig(webhook string) string {
	return "[remote \"issuetrail\"]\n\turl = " + webhook + "/SECRET\n\tevent = " + strings.Join(gerritEvents, "\n\tevent = ") + "\n\tsslVerify = true"
}
