package wire

// A Host is an entry of hosts in the config.
type Host struct {
	Name          string `json:"name"`
	Kind          string `json:"kind"`
	WebURL        string `json:"web_url"`        // "" = none is known
	SSHHost       string `json:"ssh_host"`       // "" = that of the product's own service
	WebhookURL    string `json:"webhook_url"`    // ends in /SECRET where the secret is part of it
	WebhookSecret bool   `json:"webhook_secret"` // whether one is configured; without it no delivery is accepted
	StreamEvents  string `json:"stream_events"`  // SSH server whose events are read; "" = none are
	Repositories  int    `json:"repositories"`   // that belong to it
}

// A HostGuide is how a person connects a git host, step by step.
type HostGuide struct {
	Name       string      `json:"name"` // of the entry, or the kind that has none yet
	Kind       string      `json:"kind"`
	Configured bool        `json:"configured"` // false: the first step is to write the entry
	WebhookURL string      `json:"webhook_url"`
	Steps      []GuideStep `json:"steps"`
}

// A GuideStep is one thing that a person does.
type GuideStep struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Code  string `json:"code"` // what is copied: a command, an address, a key; "" = nothing
}
