package hosts

// Guide is for bitbucket.org. From Atlassian's documentation.
func (h bitbucket) Guide(s Site) []Step {
	s = s.of(h)
	web := s.web("https://"+bucketOrigin, "")
	steps := []Step{s.keyStep(
		"Repository settings → Access keys → Add key, at " + web + ": it reads this repository alone, and may be added to any number of them. " +
			"Project settings → Access keys covers all repositories of a project. " +
			"For a whole workspace add it to a user that may read all of it (Personal settings → SSH keys); a key that a user has cannot be an access key, too.",
	)}
	steps = append(steps, s.hostKeySteps("Bitbucket prints its own with `ssh git@"+bucketOrigin+" host_key_info`.")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "Repository settings → Webhooks → Add webhook. URL: the address below. Secret: the line of the secret file; Bitbucket signs nothing without one, and each delivery is then answered 401. " +
				"Choose from a full list of triggers: Repository: Push, Updated, Transfer accepted; Pull request: Created, Updated, Merged, Declined.",
			Code: s.Webhook,
		},
		Step{
			Title: "Or set it once for all repositories",
			Text: "The same webhook in the workspace (Workspace settings → Webhooks) covers all its repositories, with those to come. " +
				"Take Repository: Deleted there as well.",
			Code: s.Webhook,
		},
		s.checkStep(exampleURL(s.ssh(bucketOrigin), "acme/app.git")),
		Step{
			Title: "Know what Bitbucket does not tell",
			Text: "Bitbucket sends nothing for a push whose delivery would be larger than 256 KB, and says so nowhere. It repeats a delivery at most twice, and only after an answer of 5xx. " +
				"The schedule finds all of it; a delivery can be sent again by hand under View requests, once the history of requests is switched on there.",
		},
	)
}
