package hosts

// A Site is what a guide fills in: the entry of the config, and our own side.
type Site struct {
	Name       string // of the hosts entry
	WebURL     string // of the host; "" = not configured
	SSHHost    string // of the host; "" = not configured
	Webhook    string // https://trail.example.com/webhooks/NAME, without a secret
	SecretFile string // that holds the webhook secret; "" = not configured
	PublicKey  string // line to give to the host; "" = there is no key yet
}

// A Step is one thing that a person does. Texts are plain, in sentences.
type Step struct {
	Title string
	Text  string
	Code  string // what is copied: a command, an address, a key; "" = nothing
}
