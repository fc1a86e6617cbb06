package hosts

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

const guidePage = "../../docs/hosts.md"

// exampleSite is what docs/hosts.md has where `issuetrail host guide` has the config's values.
func exampleSite(kind string) Site {
	s := Site{
		Name: kind, Webhook: "https://trail.example.com/webhooks/" + kind,
		SecretFile: "/etc/issuetrail/" + kind, PublicKey: "ssh-rsa AAAAB3NzaC1yc2E… issuetrail",
	}
	s.WebURL, s.SSHHost = exampleServer(kind)
	return s
}

// guideBlock is a guide as Markdown.
func guideBlock(steps []Step) string {
	var out strings.Builder
	for i, step := range steps {
		head := fmt.Sprintf("%d. ", i+1)
		indent := strings.Repeat(" ", len(head))
		out.WriteString("\n" + head + wrap("**"+step.Title+".** "+step.Text, indent) + "\n")
		if step.Code != "" {
			text := "```\n" + strings.TrimRight(step.Code, "\n") + "\n```"
			for line := range strings.SplitSeq(text, "\n") {
				out.WriteString(strings.TrimRight(indent+line, " ") + "\n")
			}
		}
	}
	return out.String() + "\n"
}

// wrap breaks a text into lines of the page's width.
func wrap(text, indent string) string {
	const width = 150
	var out strings.Builder
	column := len(indent)
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			out.WriteString("\n" + indent)
			column = len(indent)
		default:
			out.WriteString(" ")
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String()
}

// TestGuidesAreOnThePage: docs/hosts.md and `issuetrail host guide` say the same. With -update the
// page's blocks are written anew.
func TestGuidesAreOnThePage(t *testing.T) {
	data, err := os.ReadFile(guidePage)
	if err != nil {
		t.Fatal(err)
	}
	page := string(data)
	for _, h := range All() {
		begin, end := "<!-- guide: "+h.Kind()+" -->\n", "<!-- end -->\n"
		before, rest, found := strings.Cut(page, begin)
		have, after, closed := strings.Cut(rest, end)
		if !found || !closed {
			t.Errorf("docs/hosts.md has no block %q", begin+end)
			continue
		}
		want := guideBlock(h.Guide(exampleSite(h.Kind())))
		if have != want && !*writeWants {
			t.Errorf("docs/hosts.md: the guide for %s differs from its Guide(); write it with -run TestGuides -update", h.Kind())
		}
		page = before + begin + want + end + after
	}
	if *writeWants {
		if err := os.WriteFile(guidePage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// TestGuides: each guide gives what it is asked for, and hides nothing behind a value that is missing.
func TestGuides(t *testing.T) {
	for _, h := range All() {
		for what, s := range map[string]Site{"full": exampleSite(h.Kind()), "bare": {Name: "x", Webhook: "https://trail.example.com/webhooks/x"}} {
			steps := h.Guide(s)
			text := guideBlock(steps)
			if len(steps) < 3 {
				t.Errorf("%s, %s: %d steps", h.Kind(), what, len(steps))
			}
			if !strings.Contains(text, s.Webhook) {
				t.Errorf("%s, %s: the webhook's address is not in it", h.Kind(), what)
			}
			if s.PublicKey != "" && !strings.Contains(text, s.PublicKey) {
				t.Errorf("%s, %s: the public key is not in it", h.Kind(), what)
			}
			for _, step := range steps {
				if step.Title == "" || strings.HasSuffix(step.Title, ".") || !strings.HasSuffix(strings.TrimSpace(step.Text), ".") {
					t.Errorf("%s, %s: %q: a title has no full stop, and a text ends with one: %q", h.Kind(), what, step.Title, step.Text)
				}
			}
		}
	}
}
