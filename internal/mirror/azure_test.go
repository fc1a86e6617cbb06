package mirror

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// hostOptions trust a Host.
func hostOptions(h *testssh.Host) Options {
	o := options(&testssh.Server{Signer: h.Signer})
	o.HostKeys = &trust{keys: []ssh.PublicKey{h.HostKey}}
	return o
}

// azureKinds are the ways Azure DevOps may take the filter.
var azureKinds = map[string]testssh.AzureOptions{
	"with the filter":      {},
	"without":              {NoFilter: true},
	"offered, not granted": {RefuseFilter: true},
}

func TestAzure(t *testing.T) {
	for name, o := range azureKinds {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := testssh.StartAzure(t, o)
			p := newPool(t, hostOptions(h))
			dir, url := h.InitRepo("v3/acme/shop/app"), h.URL("v3/acme/shop/app")
			if empty := listRefs(t, p, url); len(empty.Refs) != 0 {
				t.Errorf("an empty repository lists %v", empty.Refs)
			}
			testssh.AddCommits(t, dir, "main", 30, nil)
			testssh.Git(t, dir, "branch", "feature/x", "main~20")
			testssh.AddCommits(t, dir, "feature/x", 5, nil)
			merge(t, dir, "main", "feature/x")
			testssh.Git(t, dir, "tag", "-a", "-m", "one", "v1", "main~3")
			testssh.Git(t, dir, "update-ref", "refs/pull/1/merge", testssh.AddCommits(t, dir, "refs/pull/1/merge", 2, nil))
			testssh.Git(t, dir, "repack", "-q", "-adf") // deltas, by name: Azure offers no ofs-delta
			list := listRefs(t, p, url)
			if want := []string{"refs/heads/feature/x", "refs/heads/main", "refs/tags/v1"}; !slices.Equal(names(list.Refs), want) || list.Default != "refs/heads/main" {
				t.Errorf("refs %v, default %q", names(list.Refs), list.Default)
			}
			h1 := fetchHistory(t, p, url, nil, nil)
			checkHistory(t, dir, h1, "--branches", "--tags")
			if h1.Filtered != (o == testssh.AzureOptions{}) {
				t.Errorf("filtered: %v", h1.Filtered)
			}
			se := open(t, p, url) // nothing new
			if again, err := se.Refs(t.Context(), list.Digest); err != nil || again.Refs != nil {
				t.Errorf("unchanged: %v, %v", again.Refs, err)
			}
			se.Close()
			checkIncrement(t, p, dir, url) // one commit, a force-push, a branch on what is known
			azureIncrements(t, p, dir, url)
			for _, c := range h.Commands() {
				if c != "git-upload-pack '/v3/acme/shop/app'" {
					t.Errorf("ran %s", c)
				}
			}
		})
	}
}

// azureIncrements fetches three times more, over merges, with several haves: each is acknowledged
// by a line of its own, and a last one before the pack.
func azureIncrements(t *testing.T, p *Pool, dir, url string) {
	t.Helper()
	for i := range 3 {
		old := testssh.Git(t, dir, "rev-parse", "main", "feature/x")
		side := fmt.Sprintf("side-%d", i)
		testssh.Git(t, dir, "branch", side, fmt.Sprintf("main~%d", i+2))
		testssh.AddCommits(t, dir, side, 3, nil)
		testssh.AddCommits(t, dir, "main", 2, nil)
		merge(t, dir, "main", side)
		testssh.AddCommits(t, dir, "feature/x", 1, nil)
		var haves []model.Hash
		except := []string{"main", "feature/x"}
		for _, h := range strings.Fields(old) {
			haves, except = append(haves, id(t, h)), append(except, "^"+h)
		}
		wants := []model.Hash{id(t, testssh.Git(t, dir, "rev-parse", "main")), id(t, testssh.Git(t, dir, "rev-parse", "feature/x"))}
		checkHistory(t, dir, fetchHistory(t, p, url, wants, append(haves, model.Hash{9, 9})), except...)
	}
}

// TestAzureRefuses proves that the imitation refuses what Azure does: git as it is gets in, and
// a request without multi_ack does not.
func TestAzureRefuses(t *testing.T) {
	h := testssh.StartAzure(t, testssh.AzureOptions{})
	tip := testssh.AddCommits(t, h.InitRepo("v3/acme/shop/app"), "main", 3, nil)
	p := newPool(t, hostOptions(h))
	for words, want := range map[string]string{
		"side-band-64k":           "",
		"":                        "PACK",
		"multi_ack side-band-64k": "PACK",
		"multi_ack_detailed":      "PACK",
	} {
		s := open(t, p, h.URL("v3/acme/shop/app"))
		if _, err := s.Refs(t.Context(), [32]byte{}); err != nil {
			t.Fatal(err)
		}
		stop := s.talk.during(t.Context())
		line := strings.TrimRight("want "+tip+" "+words, " ") + "\n"
		fmt.Fprintf(s.talk, "%04x%s00000009done\n", len(line)+4, line)
		got, _ := io.ReadAll(s.wire.src)
		if !strings.Contains(string(got), want) || want == "" && len(got) > 0 {
			t.Errorf("%q: the answer is %.60q", words, got)
		}
		if err := s.talk.ended(); want == "" {
			wantCode(t, err, model.CodeProtocol, "TF401041", "multi-ack")
		}
		stop()
		s.Close()
	}
}

// TestAzureKeys: the first key offered is the shared one, with a SHA-2 signature, and no other.
// A key that Azure does not know logs in and is refused by the command.
func TestAzureKeys(t *testing.T) {
	h := testssh.StartAzure(t, testssh.AzureOptions{})
	testssh.AddCommits(t, h.InitRepo("v3/acme/shop/app"), "main", 3, nil)
	url := h.URL("v3/acme/shop/app")
	for _, sha1 := range []bool{false, true} {
		o := hostOptions(h)
		o.AllowSHA1 = func(string) bool { return sha1 }
		listRefs(t, newPool(t, o), url)
	}
	for _, l := range h.Logins() {
		if l != "ssh-rsa "+ssh.FingerprintSHA256(h.Signer.PublicKey()) {
			t.Errorf("offered %s", l)
		}
	}
	o := hostOptions(h)
	_, other := testssh.NewKey(t)
	o.Keys = &keys{other}
	wantCode(t, try(t, newPool(t, o), url), model.CodeAuthFailed, "Public key authentication failed", "issuetrail key show")
	o = hostOptions(h)
	wantCode(t, try(t, newPool(t, o), h.URL("v3/acme/shop/none")), model.CodeNotFound)
}

// TestSpacesInNames: both forms of an address reach a repository whose name holds a blank.
func TestSpacesInNames(t *testing.T) {
	h := testssh.StartAzure(t, testssh.AzureOptions{})
	testssh.AddCommits(t, h.InitRepo("v3/acme/My Shop/The App"), "main", 3, nil)
	p := newPool(t, hostOptions(h))
	for _, url := range []string{
		"git@ssh.dev.azure.com:v3/acme/My%20Shop/The%20App",
		"ssh://git@ssh.dev.azure.com/v3/acme/My%20Shop/The%20App",
	} {
		a := there(t, h, url)
		s, err := p.Open(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if list, err := s.Refs(t.Context(), [32]byte{}); err != nil || len(list.Refs) != 1 {
			t.Errorf("%s: %v, %v", url, list.Refs, err)
		}
		s.Close()
	}
	// git, too, leaves the scp form as it is and decodes the other one.
	if got, want := h.Commands(), []string{"git-upload-pack 'v3/acme/My%20Shop/The%20App'", "git-upload-pack '/v3/acme/My Shop/The App'"}; !slices.Equal(got, want) {
		t.Errorf("ran %q", got)
	}
}

// there reads an address and leads it to the test's server: only host and port change.
func there(t *testing.T, h *testssh.Host, url string) model.Address {
	t.Helper()
	a, to := address(t, url), address(t, h.URL("x"))
	a.Host, a.Port = to.Host, to.Port
	return a
}

// TestPathsReachServer has each form of address that hosts give out.
func TestPathsReachServer(t *testing.T) {
	h := testssh.StartHost(t, testssh.HostOptions{})
	p := newPool(t, hostOptions(h))
	paths := []struct{ url, user, path string }{
		{"git@github.com:acme/app.git", "git", "acme/app.git"},
		{"ssh://git@ssh.github.com:443/acme/app.git", "git", "/acme/app.git"},
		{"ssh://git@host:7999/~user/app.git", "git", "~user/app.git"}, // for the shell's home, as git does
		{"me@host:~/app.git", "me", "~/app.git"},
		{"ssh://me@host/~/app.git", "me", "~/app.git"},
		{"git@host:/srv/app.git", "git", "/srv/app.git"},
		{"ssh://gerrit-user@host:29418/path/to/project", "gerrit-user", "/path/to/project"},
		{"ssh://host:22/tfs/Default/shop/_git/app", "git", "/tfs/Default/shop/_git/app"},
		{"org@vs-ssh.visualstudio.com:v3/org/shop/app", "org", "v3/org/shop/app"},
		{"git@acct.beanstalkapp.com:/app.git", "git", "/app.git"},
		{"gitolite@host:@all/app+1", "gitolite", "@all/app+1"},
		{"git@host:it's/a!b.git", "git", "it's/a!b.git"},
		{"git@host:$(id)/`id`;x.git", "git", "$(id)/`id`;x.git"},
		{"ssh://git@host/%C3%BC/%25.git", "git", "/ü/%.git"},
	}
	for _, c := range paths {
		a := there(t, h, c.url)
		if a.User != c.user {
			t.Errorf("%s: user %s", c.url, a.User)
		}
		s, err := p.Open(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Refs(t.Context(), [32]byte{})
		s.Close()
	}
	for i, command := range h.Commands() {
		if want := uploadPack(paths[i].path); command != want || bytes.Count([]byte(command), []byte("git-upload-pack ")) != 1 {
			t.Errorf("%s: ran %s, want %s", paths[i].url, command, want)
		}
		if got := testssh.Shell(t, strings.Replace(command, "git-upload-pack", "printf %s", 1)); got != paths[i].path {
			t.Errorf("%s: the shell reads %q", paths[i].url, got)
		}
	}
}
