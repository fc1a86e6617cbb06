package hosts

import (
	"net/http"

	"issuetrail/hooks"
	"issuetrail/internal/model"
)

// plain is any server with git and SSH. Its post-receive hook tells of pushes.
type plain struct{}

func (plain) Kind() string { return kindGit }

func (plain) Verify(h http.Header, body []byte, secret Secret) error {
	return verifyScript(h, body, secret, kindGit)
}

func (plain) Parse(h http.Header, body []byte) (model.Push, error) { return parseScript(h, body) }

// Links gives none: a plain server has no pages. Those of cgit and gitweb are templates of the config.
func (plain) Links(string, model.Repo) model.Links { return model.Links{} }

func (plain) script() Script {
	return Script{Text: hooks.PostReceive, Place: "On the git server, save it as hooks/post-receive of the repository, executable (mode 0755); " +
		"or save it as post-receive in a directory that `git config --global core.hooksPath DIRECTORY` of the git account names, for all its repositories at once. " +
		"If the repositories lie neither below /srv/git nor in the home of that account, write their folder into root at the head of the script."}
}

func (plain) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "the public key belongs into ~/.ssh/authorized_keys of the account that the URL names; neither the file nor a directory above it may be writable for others"
	case model.CodeNotFound:
		return "a path behind a colon begins in the home of the account, unless it begins with a slash; the path of an ssh:// URL begins at the root of the file system"
	}
	return ""
}

// Guide is for a server that has sshd and git.
func (plain) Guide(s Site) []Step {
	steps := []Step{s.keyStep("Add it as one line to ~/.ssh/authorized_keys of the git account on the server. " +
		"With restrict,command=\"git-shell -c \\\"$SSH_ORIGINAL_COMMAND\\\"\" and a space before it, the key can do nothing but git.")}
	steps = append(steps, s.hostKeySteps(sshdKeys)...)
	return append(steps, s.secretStep(), scriptSecret("the git account"), s.scriptStep(plain{}.script(), kindGit),
		s.checkStep(exampleURL(s.ssh("git.example.com"), "acme/app.git")))
}

// sshdKeys is where a person finds the fingerprint of OpenSSH's own server.
const sshdKeys = "On the server it is the output of `for f in /etc/ssh/ssh_host_*_key.pub; do ssh-keygen -lf $f; done`."

// scriptSecret has people bring the secret to the git server.
func scriptSecret(account string) Step {
	return Step{
		Title: "Give the secret to the git server",
		Text: "Copy the first line of the secret file to the git server, into a file that " + account + " alone can read. This command there takes it from the keyboard: " +
			"paste the line, then press Enter and Ctrl-D. Put the account's name in place of git.",
		Code: "sudo install -d -m 0755 /etc/issuetrail-hook && sudo install -m 0400 -o git /dev/stdin /etc/issuetrail-hook/secret",
	}
}

// scriptStep has people install the script.
func (s Site) scriptStep(script Script, kind string) Step {
	return Step{
		Title: "Install the hook script",
		Text: "This command prints the script with the address " + s.Webhook + " in it; the lines at its head hold what differs between servers. " + script.Place +
			" A push is then told within moments; trouble stands in the log of the server, under issuetrail.",
		Code: "issuetrail hook install-script " + kind,
	}
}
