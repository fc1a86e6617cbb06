package hosts

// Guide is for Gitea, Forgejo and Gogs. From their documentation and source.
func (gitea) Guide(s Site) []Step {
	s.SSHHost = s.ssh("gitea.example.com")
	steps := []Step{s.keyStep(
		"Log in at " + s.web("https://gitea.example.com", "") + " as a user that may read the repositories: Settings → SSH / GPG Keys → Add Key. " +
			"Or add it as a deploy key, without write access (repository → Settings → Deploy Keys).",
	)}
	steps = append(steps, s.hostKeySteps("On the server it is the output of `ssh-keygen -lf` for the key of sshd, or for data/ssh/gitea.rsa with the built-in SSH server.")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "Repository or organization → Settings → Webhooks → Add Webhook → Gitea (Forgejo, Gogs). Target URL: the address below. Method POST, content type application/json. " +
				"Secret: the line of the secret file. Custom events: Create, Delete, Push, Repository, Pull Request with its synchronization. " +
				"Delete matters: the deletion of a branch is told by nothing else. Test Delivery sends a push of the newest commit.",
			Code: s.Webhook,
		},
		Step{
			Title: "Or set it once for the whole instance",
			Text:  "With Gitea and Forgejo an administrator adds one under Site Administration → Integrations → Webhooks → System Webhooks, with the same values; it covers every repository. Gogs has it for organizations alone.",
			Code:  s.Webhook,
		},
		Step{
			Title: "Let the server call us",
			Text: "Gitea and Forgejo call public addresses alone. If issuetrail is on a local network, put its host name or network into app.ini and restart; external stands for the public ones. " +
				"Gogs has LOCAL_NETWORK_ALLOWLIST in [security] for that. With Gogs also set the templates of links that docs/hosts.md gives: its pages have other addresses.",
			Code: "[webhook]\nALLOWED_HOST_LIST = external, 10.0.0.0/8",
		},
		s.checkStep(exampleURL(s.SSHHost, "acme/app.git")),
	)
}
