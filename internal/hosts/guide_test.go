package hosts

import (
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// commands are those that guides may name; docs/commands.md has them all.
var commands = []string{"key generate", "known-hosts scan", "known-hosts add", "repo add", "check --connect", "hook install-script"}

// TestGuideCommands: each guide says how to make what is missing, and how to verify it, in
// commands that there are.
func TestGuideCommands(t *testing.T) {
	full := Site{
		Name: "ours", WebURL: "https://git.corp.example/base/", SSHHost: "git.corp.example", Webhook: "https://trail.corp.example/webhooks/ours",
		SecretFile: "/etc/issuetrail/ours-secret", PublicKey: "ssh-rsa AAAAB3Nz issuetrail",
	}
	bare := Site{Name: "ours", Webhook: "https://trail.corp.example/webhooks/ours"}
	for _, host := range All() {
		for what, s := range map[string]Site{"full": full, "bare": bare} {
			steps := host.Guide(s)
			if len(steps) > 8 {
				t.Errorf("%s, %s: %d steps", host.Kind(), what, len(steps))
			}
			text := guideText(t, host.Kind(), steps)
			if s.PublicKey == "" && !strings.Contains(text, "issuetrail key generate") {
				t.Errorf("%s, %s: nothing says how to make the key", host.Kind(), what)
			}
			if !strings.Contains(text, "issuetrail repo add ") || !strings.Contains(text, "issuetrail check --connect") {
				t.Errorf("%s, %s: nothing says how to verify it", host.Kind(), what)
			}
			if s.SSHHost != "" && !strings.Contains(text, "issuetrail known-hosts scan git.corp.example") {
				t.Errorf("%s, %s: the host key is not confirmed", host.Kind(), what)
			}
			if s.SecretFile != "" && !strings.Contains(text, s.SecretFile) {
				t.Errorf("%s, %s: the secret file is missing", host.Kind(), what)
			}
		}
	}
}

// guideText joins a guide, after a look at each step.
func guideText(t *testing.T, kind string, steps []Step) string {
	var out strings.Builder
	for _, step := range steps {
		if step.Title == "" || strings.HasSuffix(step.Title, ".") || !strings.HasSuffix(step.Text, ".") || strings.Contains(step.Text, "\n") {
			t.Errorf("%s: a title without a full stop and sentences in one line: %+v", kind, step)
		}
		for line := range strings.Lines(step.Code) {
			command, found := strings.CutPrefix(strings.TrimSpace(line), "issuetrail ")
			if found && !slices.ContainsFunc(commands, func(c string) bool { return strings.HasPrefix(command, c) }) {
				t.Errorf("%s: no command %q", kind, line)
			}
		}
		if strings.Contains(step.Title+step.Text+step.Code, "%!") {
			t.Errorf("%s: %+v", kind, step)
		}
		out.WriteString(step.Title + "\n" + step.Text + "\n" + step.Code + "\n")
	}
	return out.String()
}

// TestGuidesOfServices: the host keys of the known services are built in, so no guide
// has people confirm them.
func TestGuidesOfServices(t *testing.T) {
	for _, host := range All() {
		s, ok := host.(hosted)
		if !ok {
			continue
		}
		web, ssh := s.service()
		for _, site := range []Site{{WebURL: web, SSHHost: ssh[0]}, {WebURL: web}, {}} {
			site.Name, site.Webhook, site.PublicKey = "x", "https://h/webhooks/x", "ssh-rsa A"
			text := guideText(t, host.Kind(), host.Guide(site))
			if strings.Contains(text, "known-hosts") {
				t.Errorf("%s: the guide has a built-in host key confirmed: %+v", host.Kind(), site)
			}
		}
	}
}

// TestEntryStep: the entry that is shown for a kind without one is of the server that the steps after it speak of.
func TestEntryStep(t *testing.T) {
	for _, host := range All() {
		kind := host.Kind()
		entry := EntryStep(kind, "/etc/issuetrail/"+kind)
		steps := guideText(t, kind, append([]Step{entry}, host.Guide(Site{Name: kind, Webhook: "https://h/webhooks/" + kind})...))
		if !strings.Contains(entry.Code, "\n    webhook_secret_file: /etc/issuetrail/"+kind) {
			t.Errorf("%s: %q", kind, entry.Code)
		}
		web, ssh := exampleServer(kind)
		for key, value := range map[string]string{"web_url": web, "ssh_host": ssh} {
			if shown := strings.Contains(entry.Code, "\n    "+key+": "+value); shown != (value != "") {
				t.Errorf("%s: %s in %q", kind, key, entry.Code)
			}
		}
		if ssh != "" && !strings.Contains(steps, "known-hosts scan "+ssh+"\n") {
			t.Errorf("%s: the steps are not for %s:\n%s", kind, ssh, steps)
		}
	}
}

// TestGuidesOfPorts: the address that a guide gives as an example leads to the server of the entry, also where that
// names a port.
func TestGuidesOfPorts(t *testing.T) {
	for _, host := range All() {
		for _, server := range []string{"git.corp.example:2222", "[2001:db8::7]:2222"} {
			steps := host.Guide(Site{Name: "x", WebURL: "https://git.corp.example", SSHHost: server, Webhook: "https://h/webhooks/x", PublicKey: "ssh-rsa A"})
			example := ""
			for _, step := range steps {
				if rest, ok := strings.CutPrefix(step.Code, "issuetrail repo add "); ok {
					example, _, _ = strings.Cut(rest, "\n")
				}
			}
			if a, err := model.ParseAddress(example); err != nil || a.HostPort() != server {
				t.Errorf("%s on %s: %q leads to %s, %v", host.Kind(), server, example, a.HostPort(), err)
			}
		}
	}
	for host, want := range map[string]string{"h": "h:7", "h:1": "h:1", "[::1]": "[::1]:7", "::1": "[::1]:7", "[::1]:2": "[::1]:2"} {
		if got := withPort(host, "7"); got != want {
			t.Errorf("%s: %s", host, got)
		}
	}
}
