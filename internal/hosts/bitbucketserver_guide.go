package hosts

// Guide is for Data Center and Server. From Atlassian's documentation.
func (bitbucketServer) Guide(s Site) []Step {
	web := s.web("https://bitbucket.example.com", "")
	s.SSHHost = withPort(s.ssh("bitbucket.example.com"), "7999")
	steps := []Step{s.keyStep(
		"Repository settings or, for all repositories of a project, Project settings → Access keys → Add key, permission Read, at " + web + ". " +
			"For the whole server add it to a user that may read all of it (Manage account → SSH keys). " +
			"The administrator may have set that keys expire (Administration → SSH keys): put the day into a calendar.",
	)}
	steps = append(steps, s.hostKeySteps("An administrator finds the fingerprint in the log of the server's start. The port is 7999 unless the address under Clone → SSH says otherwise.")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "Repository settings or Project settings → Webhooks → Create webhook. URL: the address below. Secret: the line of the secret file. " +
				"Events: Repository: Push, Modified, Mirror synchronized if you have mirrors; Pull request: Opened, Source branch updated, Modified, Merged, Declined, Deleted; in a project also Project: Modified. " +
				"Test connection is answered 200. It is not signed, so nothing of it is kept: a wrong secret shows at the first push.",
			Code: s.Webhook,
		},
		s.checkStep("ssh://git@"+s.SSHHost+"/acme/app.git"),
		Step{
			Title: "Know what Bitbucket does not tell",
			Text: "There is no event for a repository that is deleted. After five failed deliveries in a row Bitbucket sends nothing for ten seconds, later for up to ten hours, and above 250 deliveries on their way it drops further ones. " +
				"It repeats none. The schedule finds all of it.",
		},
	)
}
