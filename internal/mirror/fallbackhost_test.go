package mirror

import (
	"errors"
	"net"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// TestOneRefusal has servers that end the connection with the first key that they refuse.
func TestOneRefusal(t *testing.T) {
	fresh, old := twoKeys(t)
	sshd := testssh.Start(t, testssh.Options{Config: []string{"MaxAuthTries 1"}})
	testssh.AddCommits(t, sshd.InitRepo("app.git"), "main", 3, nil)
	talks, silent := testssh.StartHost(t, testssh.HostOptions{MaxAuthTries: 1}), testssh.StartHost(t, testssh.HostOptions{HangUp: true})
	for _, h := range []*testssh.Host{talks, silent} {
		testssh.AddCommits(t, h.InitRepo("app.git"), "main", 3, nil)
	}
	for name, c := range map[string]struct {
		o    Options
		url  string
		code string // when no key gets in
	}{
		"sshd, MaxAuthTries 1": {options(sshd), sshd.URL("app.git"), model.CodeAuthFailed},
		"with a word":          {hostOptions(talks), talks.URL("app.git"), model.CodeAuthFailed},
		"without a word":       {hostOptions(silent), silent.URL("app.git"), model.CodeUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Keys = &ring{set: []ssh.Signer{fresh, old}}
			p := newPool(t, c.o)
			if list := listRefs(t, p, c.url); len(list.Refs) != 1 {
				t.Error(list.Refs)
			}
			if r, err := p.Test(t.Context(), address(t, c.url)); err != nil || r.Key != prints(old)[0] {
				t.Errorf("test: %+v, %v", r, err)
			}
			c.o.Keys = &ring{set: []ssh.Signer{fresh}}
			err := try(t, newPool(t, c.o), c.url)
			wantCode(t, err, c.code, prints(fresh)[0], "issuetrail key show")
			r, err := p.Probe(t.Context(), address(t, c.url), fresh)
			wantCode(t, err, c.code)
			wantStep(t, r, StepAuthentication, c.code, prints(fresh)[0])
		})
	}
}

// TestAzureKnowsOneKey: every key logs in, and the command of the wrong one fails.
func TestAzureKnowsOneKey(t *testing.T) {
	fresh, old := twoKeys(t)
	h := testssh.StartAzure(t, testssh.AzureOptions{})
	for _, name := range []string{"v3/acme/shop/app", "v3/acme/shop/web"} {
		testssh.AddCommits(t, h.InitRepo(name), "main", 3, nil)
	}
	o := hostOptions(h)
	o.Keys = &ring{set: []ssh.Signer{fresh, old}}
	p := newPool(t, o)
	for range 3 {
		if got := len(fetchHistory(t, p, h.URL("v3/acme/shop/app"), nil, nil).commits); got != 3 {
			t.Errorf("%d commits", got)
		}
	}
	listRefs(t, p, h.URL("v3/acme/shop/web"))
	if got := h.Commands(); len(got) != 1+3+2 { // the new key's for each repository, once
		t.Errorf("%d commands: %q", len(got), got)
	}
	if got := strings.Join(h.Logins(), " "); strings.Count(got, prints(fresh)[0]) != 1 || strings.Count(got, prints(old)[0]) != 1 {
		t.Errorf("logins %s", got)
	}
	wantCode(t, try(t, p, h.URL("v3/acme/shop/none")), model.CodeAuthFailed, "Public key authentication failed") // the first key's

	r, err := p.Probe(t.Context(), address(t, h.URL("v3/acme/shop/app")), fresh)
	wantCode(t, err, model.CodeAuthFailed)
	wantStep(t, r, StepAuthentication, model.CodeAuthFailed, "Public key authentication failed")
	if r.Key != "" {
		t.Errorf("key %s is called accepted", r.Key)
	}
}

// TestNoPublicKeys: a server that asks for passwords alone is dialled once, and it is told so.
func TestNoPublicKeys(t *testing.T) {
	fresh, old := twoKeys(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config := &ssh.ServerConfig{PasswordCallback: func(ssh.ConnMetadata, []byte) (*ssh.Permissions, error) {
		return nil, errors.New("no")
	}}
	config.AddHostKey(old)
	dials := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			dials++
			_, _, _, _ = ssh.NewServerConn(c, config)
			c.Close()
		}
	}()
	o := options(&testssh.Server{HostKeys: publicKeys(old)})
	o.Keys = &ring{set: []ssh.Signer{fresh, old}}
	err = try(t, newPool(t, o), "ssh://git@"+l.Addr().String()+"/app.git")
	l.Close()
	<-done
	wantCode(t, err, model.CodeAuthFailed, "lets git log in without a key, or with a password, only")
	if dials != 1 {
		t.Errorf("%d dials", dials)
	}
}
