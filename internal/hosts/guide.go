package hosts

import "strings"

// A Site is what a guide fills in: the entry of the config, and our own side.
type Site struct {
	Name       string // of the hosts entry
	WebURL     string // of the host; "" = not configured
	SSHHost    string // of the host; "" = not configured
	Webhook    string // https://trail.example.com/webhooks/NAME, without a secret
	SecretFile string // that holds the webhook secret; "" = not configured
	PublicKey  string // line to give to the host; "" = there is no key yet
	Socket     string // control socket of the daemon; "" = where systemd has it
}

// A Step is one thing that a person does. Texts are plain, in sentences.
type Step struct {
	Title string
	Text  string
	Code  string // what is copied: a command, an address, a key; "" = nothing
}

// exampleServer is a server of a kind as guides and docs/hosts.md write it; web "" = it has no pages of its own. Both
// are "" for the kinds whose vendor runs a service.
func exampleServer(kind string) (web, ssh string) {
	if DefaultWeb(kind) != "" {
		return "", ""
	}
	switch kind {
	case kindGit, kindGitolite:
		return "", "git.example.com"
	case kindGerrit, kindGitBlit:
		return "https://" + kind + ".example.com", kind + ".example.com:29418"
	case kindBitbucketServer:
		return "https://bitbucket.example.com", "bitbucket.example.com:7999"
	case kindBeanstalk:
		return "https://acme.beanstalkapp.com", "acme.git.beanstalkapp.com"
	}
	return "https://" + kind + ".example.com", kind + ".example.com"
}

// EntryStep shows what to write into the config for a kind that has no entry yet.
func EntryStep(kind, secretFile string) Step {
	lines := []string{"hosts:", "  - name: " + kind, "    kind: " + kind}
	text := "Add this entry to the list hosts of the config. "
	web, ssh := exampleServer(kind)
	switch {
	case kind == kindBitbucket:
		text += "It is that of " + DefaultWeb(kind) + "; a server of your own is of kind " + kindBitbucketServer + "."
	case ssh == "":
		text += "It is that of " + DefaultWeb(kind) + "; for a server of your own add web_url and ssh_host."
	default:
		text += "ssh_host is the host of the clone URLs, with its port if that is not 22."
	}
	if web != "" {
		lines = append(lines, "    web_url: "+web)
	} else if ssh != "" {
		text += " If gitweb or cgit shows the repositories, docs/hosts.md has the lines that link to them."
	}
	if ssh != "" {
		lines = append(lines, "    ssh_host: "+ssh)
	}
	lines = append(lines, "    webhook_secret_file: "+secretFile)
	text += " The file is made in a step below; when it is there, reload: systemctl reload issuetrail, or SIGHUP without systemd. The name is free, and stands in the webhook's address."
	return Step{Title: "Write the entry of the config", Text: text, Code: strings.Join(lines, "\n")}
}

// of fills in the vendor's own service where no server is configured.
func (s Site) of(h hosted) Site {
	web, ssh := h.service()
	if s.SSHHost == "" && (s.WebURL == "" || webBase(s.WebURL) == web) {
		s.WebURL, s.SSHHost = web, ssh[0]
	}
	return s
}

// ssh is the SSH host, or an example.
func (s Site) ssh(example string) string {
	if s.SSHHost == "" {
		return example
	}
	return s.SSHHost
}

// web is the address of a page of the host, or what to put there.
func (s Site) web(example, path string) string {
	if base := webBase(s.WebURL); base != "" {
		return base + path
	}
	return example + path
}

// keyStep gives the public key; text says where it goes.
func (s Site) keyStep(text string) Step {
	if s.PublicKey == "" {
		return Step{
			Title: "Make the key, and give its public half to the host",
			Text:  "There is no key yet. This command makes it and prints the public key. " + text,
			Code:  "issuetrail key generate",
		}
	}
	return Step{Title: "Give the public key to the host", Text: text, Code: s.PublicKey}
}

// hostKeySteps has people confirm the key of a server of their own; those of the known
// services are built in.
func (s Site) hostKeySteps(where string) []Step {
	if KindOfSSHHost(s.SSHHost) != kindGit {
		return nil
	}
	host := s.ssh("git.example.com")
	return []Step{{
		Title: "Confirm the host key",
		Text:  "Compare the fingerprint that the first command prints with the server's own. " + where + " Then trust it with the second. A port other than 22 is written HOST:PORT.",
		Code:  "issuetrail known-hosts scan " + host + "\nissuetrail known-hosts add " + host + " --fingerprint SHA256:…",
	}}
}

// secretStep makes the secret that the webhook proves itself by.
func (s Site) secretStep() Step {
	file := s.SecretFile
	if file == "" {
		file = "/etc/issuetrail/" + s.Name
	}
	text := "Both sides know one secret, which is the line in this file; without it every delivery is answered 401. To rotate it, put the new one into a second line."
	if s.SecretFile == "" {
		text += " The entry of the config names the file in webhook_secret_file, which is not set yet; reload after you have set it."
	}
	return Step{
		Title: "Make the webhook's secret",
		Text:  text + " If the file is there already, leave this out.",
		Code:  "openssl rand -hex 32 | sudo install -m 0400 -o issuetrail -g issuetrail /dev/stdin " + file,
	}
}

// withPort adds the usual port of a product to an SSH host that names none. An IPv6 address stands in brackets then.
func withPort(host, port string) string {
	switch strings.Count(host, ":") {
	case 0:
	case 1:
		return host
	default:
		if !strings.HasPrefix(host, "[") {
			host = "[" + host + "]"
		} else if !strings.HasSuffix(host, "]") {
			return host
		}
	}
	return host + ":" + port
}

// exampleURL is the clone URL of a path on an SSH host: git@host:path, which has no room for a port, or ssh://git@host:port/path.
func exampleURL(host, path string) string {
	if strings.Contains(host, ":") {
		return "ssh://git@" + withPort(host, "22") + "/" + strings.TrimPrefix(path, "/")
	}
	return "git@" + host + ":" + path
}

// checkStep adds the first repository and tries all of them; url is an example of its address.
func (s Site) checkStep(url string) Step {
	socket := s.Socket
	if socket == "" {
		socket = "/run/issuetrail/control.sock"
	}
	return Step{
		Title: "Add a repository and check it",
		Text: "The first command takes the SSH clone URL that the host shows. The second connects to every repository with the key and says what is wrong, and how to mend it. " +
			"The third, after a push, lists the deliveries that came in, with the reason of those that were ignored.",
		Code: strings.Join([]string{"issuetrail repo add " + url, "issuetrail check --connect", "curl --unix-socket " + socket + " http://socket/api/v1/deliveries"}, "\n"),
	}
}
