package hosts

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/model"
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
	for _, kind := range []string{"gerrit", "azure-devops", "", "GitHub", "nonsense"} {
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

func TestLinks(t *testing.T) {
	repo := func(name string) model.Repo { return model.Repo{Name: name} }
	for _, c := range []struct {
		host               Host
		base, name         string
		repo, commit, tree string
	}{
		{github{}, "https://github.com", "acme/app", "https://github.com/acme/app", "/commit/{hash}", "/tree/{branch}"},
		{github{}, "https://git.corp.example/", "acme/app", "https://git.corp.example/acme/app", "/commit/{hash}", "/tree/{branch}"},
		{gitlab{}, "http://intra:8080/gitlab", "a/b/c", "http://intra:8080/gitlab/a/b/c", "/-/commit/{hash}", "/-/tree/{branch}"},
		{gitlab{}, "https://u:pw@h?x#y", "a/{hash} b", "https://h/a/%7Bhash%7D%20b", "/-/commit/{hash}", "/-/tree/{branch}"},
	} {
		want := model.Links{Repo: c.repo, Commit: c.repo + c.commit, Branch: c.repo + c.tree}
		if got := c.host.Links(c.base, repo(c.name)); got != want {
			t.Errorf("%s %s: %+v", c.host.Kind(), c.base, got)
		}
	}
	for _, base := range []string{"", "javascript:alert(1)", "github.com", "//github.com", "ftp://h", "https://", ":"} {
		if got := (github{}).Links(base, repo("acme/app")); got != (model.Links{}) {
			t.Errorf("%q: %+v", base, got)
		}
	}
	if got := (plain{}).Links("https://h", repo("a")); got != (model.Links{}) {
		t.Errorf("git: %+v", got)
	}
	l := github{}.Links("https://github.com", repo("acme/app"))
	if got, want := l.BranchURL(`a/"><svg>?#`), `https://github.com/acme/app/tree/a/%22%3E%3Csvg%3E%3F%23`; got != want {
		t.Errorf("branch: %s", got)
	}
}

// TestHostileBodies: what is signed may still be absurd. Each of these takes
// little memory and never a panic.
func TestHostileBodies(t *testing.T) {
	const size = 2 << 20
	fill := func(head, unit, tail string) []byte {
		return []byte(head + strings.Repeat(unit, size/len(unit)) + tail)
	}
	bodies := map[string][]byte{
		"empty objects":    fill(`{"event_name":"repository_update","project_id":1,"ref":"refs/heads/a","changes":[`, `{},`, `{}],"repository":{"id":1}}`),
		"refs":             fill(`{"event_name":"repository_update","project_id":1,"refs":[`, `"refs/heads/a",`, `"refs/heads/a"],"repository":{"id":1}}`),
		"deep":             fill(`{"repository":`, `[`, ``),
		"deep objects":     fill(``, `{"repository":`, `1`),
		"deep, not needed": []byte(`{"x":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `,"project_id":1,"repository":{"id":1}}`),
		"long ref":         fill(`{"project_id":1,"repository":{"id":1},"ref":"refs/heads/`, `aaaaaaaa`, `"}`),
		"long name":        fill(`{"project":{"path_with_namespace":"`, `aaaaaaaa`, `"}}`),
		"long number":      fill(`{"project_id":1`, `00000000`, `,"repository":{"id":1}}`),
		"many keys":        fill(`{`, `"ref":"",`, `"repository":{"id":1}}`),
		"form fields":      fill(``, `a&`, `payload=%7B%7D`),
		"form escapes":     fill(`payload=`, `%20`, ``),
		"script lines":     fill("repo a\n", "0000000000000000000000000000000000000000 0000000000000000000000000000000000000000 refs/heads/a\n", ""),
		"script line":      fill("repo ", "a", ""),
	}
	for _, host := range All() {
		for what, body := range bodies {
			for _, kind := range []string{"application/json", "application/x-www-form-urlencoded"} {
				h := http.Header{hubEvent: {"push"}, labEvent: {"System Hook"}, "Content-Type": {kind}}
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				p, _ := host.Parse(h, body)
				runtime.ReadMemStats(&after)
				storable(t, p)
				if took := after.TotalAlloc - before.TotalAlloc; took > 3*size {
					t.Errorf("%s, %s, %s: %d MiB for %d MiB", host.Kind(), what, kind, took>>20, len(body)>>20)
				}
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
