package hosts

import "strings"

// Guide is for Services, Server and TFS. From Microsoft's documentation.
func (h azure) Guide(s Site) []Step {
	s = s.of(h)
	web := s.web("https://"+azureWeb, "")
	steps := []Step{s.keyStep(
		"Azure DevOps takes RSA keys alone: `issuetrail key show` must say ssh-rsa. Log in at " + web + " as a user that may read the repositories of all the projects: User settings → SSH public keys → New key. " +
			"There are no keys for a repository or a project. A key expires after a year: put the day into a calendar, and add the same key again before.",
	)}
	steps = append(steps, s.hostKeySteps("Azure DevOps Server shows the fingerprint under User settings → SSH public keys.")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "Project settings → Service hooks → Create subscription → Web Hooks. Trigger: Code pushed; leave repository and branch at [Any]. URL: the address below, which must be https. " +
				"Basic authentication username: issuetrail, or any other. Basic authentication password: the line of the secret file. Resource details to send: All; messages to send: None. " +
				"Test sends a sample, which is answered 200 and ignored. Every project needs its own subscriptions.",
			Code: s.Webhook,
		},
		Step{
			Title: "Add the other events",
			Text: "A subscription has one event: make the same again for Pull request created, Pull request updated, Pull request merge attempted, Repository renamed and Repository deleted. " +
				"Older servers have no events for repositories; a new name is then seen at the first push after it.",
			Code: s.Webhook,
		},
		s.checkStep(azureExample(s.ssh(azureSSH))),
		Step{
			Title: "Know what Azure DevOps does not tell",
			Text: "A subscription whose deliveries fail for long is put on probation and then switched off: look under Service hooks when deliveries stop. " +
				"It calls no address of the machine itself, and Services calls none of a local network. The schedule finds what was missed.",
		},
	)
}

// azureExample is the form that addresses have on the service or on a server.
func azureExample(host string) string {
	if KindOfSSHHost(strings.TrimSuffix(host, ":22")) == kindAzure {
		return "git@" + azureSSH + ":v3/acme/project/app"
	}
	return "ssh://git@" + withPort(host, "22") + "/DefaultCollection/project/_git/app"
}
