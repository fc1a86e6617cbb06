package hosts

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestKinds(t *testing.T) {
	for _, h := range All() {
		if !slices.Contains(Kinds(), h.Kind()) {
			t.Errorf("%s is not listed", h.Kind())
		}
		if got, ok := ByKind(h.Kind()); !ok || got != h {
			t.Errorf("ByKind(%s) = %v, %v", h.Kind(), got, ok)
		}
	}
	for _, kind := range []string{"gogs", "tfs", "", "GitHub", "nonsense"} {
		if h, ok := ByKind(kind); ok || h != nil {
			t.Errorf("ByKind(%q) = %v, %v", kind, h, ok)
		}
	}
}

func TestKindOfSSHHost(t *testing.T) {
	for host, want := range map[string]string{
		"github.com": "github", "SSH.GitHub.com": "github", "github.com.": "github", "gitlab.com": "gitlab", "altssh.gitlab.com": "gitlab",
		"bitbucket.org": "bitbucket", "altssh.bitbucket.org": "bitbucket", "ssh.dev.azure.com": "azure-devops", "vs-ssh.visualstudio.com": "azure-devops",
		"git.example.com": "git", "evilgithub.com": "git", "github.com.example.com": "git", "": "git",
	} {
		got := KindOfSSHHost(host)
		if got != want {
			t.Errorf("%q: %s, want %s", host, got, want)
		}
		if (DefaultWeb(got) == "") != (want == "git") {
			t.Errorf("%q: web address %q", host, DefaultWeb(got))
		}
	}
}

func TestParseSecret(t *testing.T) {
	long := strings.Repeat("k", 32)
	for _, c := range []struct {
		file    string
		n       int    // secrets
		warning string // part of it; "" = none
		fails   bool
	}{
		{long, 1, "", false},
		{"\uFEFF  " + long + " \r\n\r\n", 1, "", false},
		{long + "\n" + long + "2\n", 2, "", false},
		{"short\n", 1, "line 1 has 5 bytes", false},
		{long + "\nshort", 2, "line 2 has 5 bytes", false},
		{signingSecret("x"), 1, "", false},
		{"whsec_c2hvcnQ=", 1, "line 1 has 5 bytes", false},
		{"whsec_" + strings.Repeat("!", 40), 1, "verifies nothing", false},
		{"whsec_", 1, "verifies nothing", false},
		{"", 0, "", true},
		{" \n\t\r\n", 0, "", true},
		{"a\nb\nc", 0, "", true},
	} {
		s, warning, err := ParseSecret([]byte(c.file))
		if len(s.values) != c.n || (err != nil) != c.fails || s.Empty() != (c.n == 0) {
			t.Errorf("%q: %d secrets, %v", c.file, len(s.values), err)
		}
		if (warning == "") != (c.warning == "") || !strings.Contains(warning, c.warning) {
			t.Errorf("%q: warning %q", c.file, warning)
		}
	}
}

func TestSecretPrintsNothing(t *testing.T) {
	s := secretOf(t, "hunter2hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		for _, v := range []any{s, &s, struct{ S Secret }{s}} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "hunter") || strings.Contains(text, "104 117") || strings.Contains(text, "68756e") {
				t.Errorf("%s: %s", verb, text)
			}
		}
	}
}

func TestUpdatesAreCut(t *testing.T) {
	line := "0000000000000000000000000000000000000000 6f1ed002ab5595859014ebf0951522d9aa3f6c11 refs/"
	body := "repo a\n" + strings.Repeat(line+"notes/x\n", 5000) + strings.Repeat(line+"heads/x\n", 5000)
	p, err := plain{}.Parse(http.Header{}, []byte(body))
	if err != nil || len(p.Updates) != maxUpdates {
		t.Errorf("script: %d updates, %v", len(p.Updates), err)
	}
	change := `{"ref":"refs/keep-around/x"},`
	body = `{"event_name":"repository_update","project_id":1,"changes":[` + strings.Repeat(change, 5000) + `{"ref":"refs/heads/a"}]}`
	p, err = gitlab{}.Parse(http.Header{labEvent: {"System Hook"}}, []byte(body))
	if err != nil || len(p.Updates) != 0 || p.RepoID != "1" {
		t.Errorf("a cut list of other refs is not ignored: %+v, %v", p, err)
	}
}
