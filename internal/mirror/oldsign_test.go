package mirror

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// An oldServer signs with SHA-1 alone, and so must its users.
type oldServer struct {
	hostport, url, dir string
	hostKeys           []ssh.PublicKey
	accepted           func() int // logins that worked
	promises           bool       // newer signatures, which it then refuses: nothing tells why
}

// oldServers are such servers of several makes. The host key of one is newer.
func oldServers(t *testing.T) map[string]oldServer {
	gitblit := testssh.StartGitBlit(t)
	out := map[string]oldServer{"GitBlit, no extensions": {
		gitblit.HostPort(), gitblit.URL("proj/repo.git"), gitblit.InitRepo("proj/repo.git"),
		[]ssh.PublicKey{gitblit.HostKey},
		func() int { return len(gitblit.Commands()) }, false,
	}}
	x := testssh.StartHost(t, testssh.HostOptions{HostKeyAlgorithms: []string{ssh.KeyAlgoRSA}, KeyAlgorithms: []string{ssh.KeyAlgoRSA}})
	out["ssh-rsa among the extensions"] = oldServer{
		x.HostPort(), x.URL("proj/repo.git"), x.InitRepo("proj/repo.git"), []ssh.PublicKey{x.HostKey}, func() int { return len(x.Commands()) }, false,
	}
	for name, o := range map[string]testssh.Options{
		"OpenSSH":                       {HostKeyTypes: []string{"rsa"}, PubkeyAccepted: "ssh-rsa", Config: []string{"HostKeyAlgorithms ssh-rsa"}},
		"OpenSSH with a newer host key": {PubkeyAccepted: "ssh-rsa"},
	} {
		s := testssh.Start(t, o)
		out[name] = oldServer{s.HostPort(), s.URL("proj/repo.git"), s.InitRepo("proj/repo.git"), s.HostKeys, func() int { return dials(s) }, o.Config == nil}
	}
	return out
}

// TestOldSignatures: servers that know SHA-1 alone are reached where the config allows it
// for that very server, and refused with its word else.
func TestOldSignatures(t *testing.T) {
	_, key := testssh.ClientKey(t)
	_, stranger := testssh.NewKey(t)
	for name, s := range oldServers(t) {
		t.Run(name, func(t *testing.T) {
			testssh.AddCommits(t, s.dir, "main", 30, nil)
			o := options(&testssh.Server{Signer: key, HostKeys: s.hostKeys})
			host, _, _ := strings.Cut(s.hostport, ":")
			for allowed, for_ := range map[string]func(string) bool{
				"nobody":            nil,
				"another server":    func(hostport string) bool { return hostport == "other.example.com:22" },
				"another port here": func(hostport string) bool { return hostport == host+":29418" },
			} {
				o.AllowSHA1 = for_
				p := newPool(t, o)
				hints := []string{"SHA-1", "allow_sha1: true"}
				if s.promises {
					hints = nil
				}
				wantCode(t, try(t, p, s.url), model.CodeAuthFailed, hints...)
				_, err := p.Test(t.Context(), address(t, s.url))
				wantCode(t, err, model.CodeAuthFailed, hints...)
				wantCode(t, p.Stream(t.Context(), address(t, s.url), "x", nil), model.CodeAuthFailed, hints...)
				if n := s.accepted(); n != 0 {
					t.Fatalf("allowed for %s: %d logins worked", allowed, n)
				}
			}
			o.AllowSHA1 = func(hostport string) bool { return hostport == s.hostport }
			p := newPool(t, o)
			checkHistory(t, s.dir, fetchHistory(t, p, s.url, nil, nil), "--all")
			checkIncrement(t, p, s.dir, s.url)
			if r, err := p.Test(t.Context(), address(t, s.url)); err != nil || r.Refs == 0 {
				t.Errorf("%+v, %v", r, err)
			}
			if keys, err := p.Scan(t.Context(), s.hostport); err != nil || len(keys) != 1 {
				t.Errorf("scan: %d keys, %v", len(keys), err)
			}
			o.HostKeys = &trust{}
			wantCode(t, try(t, newPool(t, o), s.url), model.CodeHostKeyUnknown)
			o.HostKeys = &trust{keys: []ssh.PublicKey{stranger.PublicKey()}}
			if err := try(t, newPool(t, o), s.url); err == nil {
				t.Error("a changed host key does not matter")
			}
		})
	}
}

// TestOldAndNew: one pool, one key, an old server and a new one at the same time.
func TestOldAndNew(t *testing.T) {
	old, newer := testssh.StartGitBlit(t), testssh.StartHost(t, testssh.HostOptions{})
	o := hostOptions(old)
	o.HostKeys = &trust{keys: []ssh.PublicKey{old.HostKey, newer.HostKey}}
	o.AllowSHA1 = func(hostport string) bool { return hostport == old.HostPort() }
	p := newPool(t, o)
	var wg sync.WaitGroup
	for _, h := range []*testssh.Host{old, newer} {
		for i := range 12 {
			name := fmt.Sprintf("%d.git", i)
			testssh.AddCommits(t, h.InitRepo(name), "main", 10+i, nil)
			wg.Go(func() {
				if got := countCommits(t.Context(), t, p, h.URL(name)); got != 10+i {
					t.Errorf("%s: %d commits", h.URL(name), got)
				}
			})
		}
	}
	wg.Wait()
	// What is allowed for the one is not tried elsewhere.
	refuse := testssh.StartHost(t, testssh.HostOptions{KeyAlgorithms: []string{ssh.KeyAlgoRSA}})
	o.HostKeys = &trust{keys: []ssh.PublicKey{refuse.HostKey}}
	wantCode(t, try(t, newPool(t, o), refuse.URL("x.git")), model.CodeAuthFailed, "allow_sha1: true")
}

// TestPinnedKeys has servers and pins that meet in one key only.
func TestPinnedKeys(t *testing.T) {
	all := testssh.Start(t, testssh.Options{HostKeyTypes: []string{"ed25519", "ecdsa", "rsa"}})
	all.InitRepo("app.git")
	rsa := testssh.StartAzure(t, testssh.AzureOptions{})
	rsa.InitRepo("v3/o/p/r")
	_, stranger := testssh.NewKey(t)
	for name, c := range map[string]struct {
		url  string
		pins []ssh.PublicKey
		code string
	}{
		"RSA server, RSA pin":                        {rsa.URL("v3/o/p/r"), []ssh.PublicKey{rsa.HostKey}, ""},
		"RSA server, pins of all types":              {rsa.URL("v3/o/p/r"), append([]ssh.PublicKey{rsa.HostKey}, all.HostKeys[:2]...), ""},
		"RSA server, Ed25519 pin":                    {rsa.URL("v3/o/p/r"), all.HostKeys[:1], model.CodeHostKeyChanged},
		"RSA server, another RSA pin":                {rsa.URL("v3/o/p/r"), []ssh.PublicKey{stranger.PublicKey()}, model.CodeHostKeyChanged},
		"server of three, Ed25519 pin":               {all.URL("app.git"), all.HostKeys[:1], ""},
		"server of three, RSA pin":                   {all.URL("app.git"), all.HostKeys[2:], ""},
		"server of three, old Ed25519 and right RSA": {all.URL("app.git"), []ssh.PublicKey{all.HostKeys[2], stranger.PublicKey()}, ""},
	} {
		o := options(all)
		o.HostKeys = &trust{keys: c.pins}
		if err := try(t, newPool(t, o), c.url); c.code == "" && err != nil {
			t.Errorf("%s: %v", name, err)
		} else if c.code != "" {
			wantCode(t, err, c.code)
		}
	}
}
