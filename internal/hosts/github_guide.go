package hosts

// Guide is for github.com and Enterprise Server. From GitHub's documentation.
func (h github) Guide(s Site) []Step {
	s = s.of(h)
	web := s.web("https://github.com", "")
	steps := []Step{s.keyStep(
		"Log in at " + web + " as a machine user that may read the repositories: Settings → SSH and GPG keys → New SSH key. " +
			"With single sign-on, authorize the key for the organization, too. " +
			"A deploy key (repository → Settings → Deploy keys, without write access) works as well, but in one repository only: GitHub takes a key once.",
	)}
	steps = append(steps, s.hostKeySteps("On Enterprise Server an administrator prints it with `ssh-keygen -lf /data/user/common/ssh_host_rsa_key.pub`.")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "Repository → Settings → Webhooks → Add webhook. Payload URL: the address below. Content type: application/json. Secret: the line of the secret file. " +
				"Choose \"Let me select individual events\": Pushes, Branch or tag creation, Branch or tag deletion, Pull requests, Repositories. " +
				"GitHub sends a ping at once, which is answered 200 and ignored.",
			Code: s.Webhook,
		},
		Step{
			Title: "Or set it once for all repositories",
			Text: "The same webhook in the organization (Organization → Settings → Webhooks) covers all its repositories, with those to come; so does that of a GitHub App. " +
				"On Enterprise Server a global webhook tells of no pushes, so set one in each organization.",
		},
		s.checkStep(exampleURL(s.ssh("github.com"), "acme/app.git")),
		Step{
			Title: "Know what GitHub does not tell",
			Text: "GitHub sends nothing for more than three tags or more than 5,000 branches in one push, nothing above 25 MB, and does not repeat a delivery that failed. " +
				"The schedule finds all of it; a delivery can be sent again by hand under Recent Deliveries.",
		},
	)
}
