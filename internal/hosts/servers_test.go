package hosts

import (
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// TestLinksOfServers: the addresses as the product's own pages have them.
func TestLinksOfServers(t *testing.T) {
	hash, err := model.ParseHash("c0ffee25d5b1d1b0a6c4b3b1b2f4a1e2d3c4b5a6")
	if err != nil {
		t.Fatal(err)
	}
	const h = "c0ffee25d5b1d1b0a6c4b3b1b2f4a1e2d3c4b5a6"
	for _, c := range []struct {
		host Host
		base string
		repo model.Repo
		want [8]string // repo, commit, branch, tag, compare, file, file with line, pull request
	}{
		{gerrit{}, "https://gerrit.example.com/r/", model.Repo{Name: "platform/app"}, [8]string{
			"https://gerrit.example.com/r/plugins/gitiles/platform/app", "https://gerrit.example.com/r/plugins/gitiles/platform/app/+/" + h,
			"https://gerrit.example.com/r/plugins/gitiles/platform/app/+/refs/heads/a/%23b", "https://gerrit.example.com/r/plugins/gitiles/platform/app/+/refs/tags/v1",
			"https://gerrit.example.com/r/plugins/gitiles/platform/app/+/main..a/%23b", "https://gerrit.example.com/r/plugins/gitiles/platform/app/+/" + h + "/src/a%20b.go",
			"https://gerrit.example.com/r/plugins/gitiles/platform/app/+/" + h + "/src/a%20b.go#7", "https://gerrit.example.com/r/c/platform/app/+/12",
		}},
		{gitblit{}, "https://blit.example.com", model.Repo{Name: "team/app"}, [8]string{
			"https://blit.example.com/summary/team%2Fapp.git", "https://blit.example.com/commit/team%2Fapp.git/" + h,
			"https://blit.example.com/log/team%2Fapp.git/refs%2Fheads%2Fa%2F%23b", "https://blit.example.com/log/team%2Fapp.git/refs%2Ftags%2Fv1",
			"https://blit.example.com/compare/team%2Fapp.git/main..a%2F%23b", "https://blit.example.com/blob/team%2Fapp.git/" + h + "/src%2Fa%20b.go",
			"https://blit.example.com/blob/team%2Fapp.git/" + h + "/src%2Fa%20b.go", "https://blit.example.com/tickets/team%2Fapp.git/12",
		}},
		{beanstalk{}, "", model.Repo{Name: "app", RepoSpec: model.RepoSpec{URL: "git@acme.git.beanstalkapp.com:/acme/app.git"}}, [8]string{
			"https://acme.beanstalkapp.com/app", "https://acme.beanstalkapp.com/app/changesets/" + h,
			"https://acme.beanstalkapp.com/app/browse/git?ref=b-a%2F%23b", "https://acme.beanstalkapp.com/app/browse/git?ref=t-v1",
			"", "https://acme.beanstalkapp.com/app/browse/git/src/a%20b.go?ref=c-" + h,
			"https://acme.beanstalkapp.com/app/browse/git/src/a%20b.go?ref=c-" + h, "",
		}},
		{gitolite{}, "https://h", model.Repo{Name: "a"}, [8]string{}},
		{plain{}, "https://h", model.Repo{Name: "a"}, [8]string{}},
	} {
		l := c.host.Links(c.base, c.repo)
		got := [8]string{
			l.Repo, l.CommitURL(hash), l.BranchURL("a/#b"), l.TagURL("v1"), l.CompareURL("main", "a/#b"),
			l.FileURL(hash, "src/a b.go", 0), l.FileURL(hash, "src/a b.go", 7), l.PullRequestURL(12),
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s, %d: %s, want %s", c.host.Kind(), i, got[i], c.want[i])
			}
		}
	}
	for _, base := range []string{"", "javascript:alert(1)", "ftp://h"} {
		for _, host := range []Host{gerrit{}, gitblit{}, beanstalk{}} {
			if got := host.Links(base, model.Repo{Name: "a"}); got != (model.Links{}) {
				t.Errorf("%s, %q: %+v", host.Kind(), base, got)
			}
		}
	}
}

// TestGuidesTellWhatToCopy: what a person must copy stands in the guide.
func TestGuidesTellWhatToCopy(t *testing.T) {
	site := Site{
		Name: "own", WebURL: "https://web.example.com", SSHHost: "ssh.example.com", Webhook: "https://trail.example.com/webhooks/own",
		SecretFile: "/etc/issuetrail/own", PublicKey: "ssh-rsa AAAA issuetrail",
	}
	for kind, copied := range map[string][]string{
		kindGerrit:    {"https://trail.example.com/webhooks/own/SECRET", "sslVerify = true", "event = ref-updated\n", "stream_events: ssh://issuetrail@ssh.example.com:29418"},
		kindGitBlit:   {"allow_sha1: true", "issuetrail hook install-script gitblit", "ssh://issuetrail@ssh.example.com:29418/acme/app.git"},
		kindGitolite:  {"R = issuetrail", "issuetrail hook install-script gitolite", "git@ssh.example.com:acme/app"},
		kindBeanstalk: {"https://trail.example.com/webhooks/own/SECRET"},
		kindGit:       {"issuetrail hook install-script git", "git@ssh.example.com:acme/app.git"},
	} {
		host, _ := ByKind(kind)
		var code, text strings.Builder
		for _, s := range host.Guide(site) {
			if s.Title == "" || s.Text == "" {
				t.Errorf("%s: a step without words: %+v", kind, s)
			}
			code.WriteString(s.Code + "\n")
			text.WriteString(s.Text + "\n")
		}
		for _, want := range append(copied, site.PublicKey, site.SecretFile, "known-hosts scan ssh.example.com", "issuetrail repo add ") {
			if !strings.Contains(code.String(), want) {
				t.Errorf("%s: nothing to copy holds %q:\n%s", kind, want, code.String())
			}
		}
		if !strings.Contains(text.String()+code.String(), site.Webhook) {
			t.Errorf("%s: the webhook's address is not told", kind)
		}
		for _, s := range host.Guide(Site{Name: "own"}) {
			if strings.Contains(s.Code, "//:") || strings.Contains(s.Code, "@:") || strings.Contains(s.Code, "@/") {
				t.Errorf("%s: a hole in %q", kind, s.Code)
			}
		}
	}
}

func TestHintsOfServers(t *testing.T) {
	for kind, word := range map[string]string{kindGerrit: "not git", kindGitBlit: "allow_sha1", kindGitolite: "keydir", kindBeanstalk: "Public keys", kindGit: "authorized_keys"} {
		if got := Hint(kind, model.CodeAuthFailed); !strings.Contains(got, word) {
			t.Errorf("%s: %q", kind, got)
		}
		if Hint(kind, model.CodeNotFound) == "" || Hint(kind, model.CodeDiskFull) != "" {
			t.Errorf("%s: hints %q, %q", kind, Hint(kind, model.CodeNotFound), Hint(kind, model.CodeDiskFull))
		}
	}
}

// TestStreamCommand: what is subscribed to is what Parse understands, and the other way round.
func TestStreamCommand(t *testing.T) {
	command := StreamCommand(kindGerrit)
	types, ok := strings.CutPrefix(command, "gerrit stream-events -s ")
	if !ok {
		t.Fatalf("the command is %q", command)
	}
	for name := range strings.SplitSeq(types, " -s ") {
		_, err := gerrit{}.Parse(nil, []byte(`{"type":"`+name+`","refUpdate":{"project":"a"},"refUpdates":[{"project":"a"}],"projectName":"a","change":{"project":"a","number":1}}`))
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, kind := range Kinds() {
		if got := StreamCommand(kind); (got != "") != (kind == kindGerrit) {
			t.Errorf("%s: %q", kind, got)
		}
	}
}
