package hosts

// Guide is for gitlab.com and a GitLab of one's own. From GitLab's documentation.
func (h gitlab) Guide(s Site) []Step {
	s = s.of(h)
	web := s.web("https://gitlab.com", "")
	steps := []Step{s.keyStep(
		"Log in at " + web + " as a user with the Reporter role in the groups: Edit profile → SSH keys → Add new key, usage \"Authentication\". " +
			"Or add it as a deploy key, without write permissions (project → Settings → Repository → Deploy keys), and enable that in each further project.",
	)}
	steps = append(steps, s.hostKeySteps("GitLab shows it at "+s.web("https://gitlab.example.com", "/help/instance_configuration")+".")...)
	return append(steps, s.secretStep(),
		Step{
			Title: "Set the webhook",
			Text: "Project, or group with a paid tier → Settings → Webhooks → Add new webhook. URL: the address below. Secret token: the line of the secret file. " +
				"Trigger: Push events (all branches), Tag push events, Merge request events; in a group also Project events. Leave SSL verification on. " +
				"If your GitLab offers a signing token, prefer it: its text (whsec_…) is then the line of the secret file. Test → Push events sends a sample of a real push.",
			Code: s.Webhook,
		},
		Step{
			Title: "Or set it once for the whole instance",
			Text: "On a GitLab of your own an administrator adds one system hook (Admin → System hooks) with the same URL and token, and the triggers Repository update events, Push events, Tag push events and Merge request events. " +
				"It covers every project, tells of pushes with any number of refs, and of projects that are renamed, moved or deleted.",
			Code: s.Webhook,
		},
		s.checkStep(exampleURL(s.ssh("gitlab.com"), "acme/app.git")),
		Step{
			Title: "Know what GitLab does not tell",
			Text: "A push that changes more than three refs (the setting push_event_hooks_limit) fires no project hook at all; the schedule finds it. " +
				"A GitLab of your own calls no address of a local network unless Admin → Settings → Network → Outbound requests allows it. " +
				"A hook that failed four times in a row is switched off for a while, after forty times (in older versions after four that were answered 4xx) until somebody switches it on: look there when deliveries stop.",
		},
	)
}
