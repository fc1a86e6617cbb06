package mirror

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// try opens a session and lists the refs.
func try(t *testing.T, p *Pool, url string) error {
	t.Helper()
	s, err := p.Open(t.Context(), address(t, url))
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = s.Refs(t.Context(), [32]byte{})
	return err
}

func TestHostKeys(t *testing.T) {
	s := testssh.Start(t, testssh.Options{HostKeyTypes: []string{"ed25519", "ecdsa", "rsa"}})
	s.InitRepo("app.git")
	_, other := testssh.NewKey(t)
	for name, tt := range map[string]struct {
		trusted []ssh.PublicKey
		code    string
	}{
		"unknown":      {nil, model.CodeHostKeyUnknown},
		"changed":      {[]ssh.PublicKey{other.PublicKey()}, model.CodeHostKeyChanged},
		"ed25519 only": {s.HostKeys[:1], ""},
		"ecdsa only":   {s.HostKeys[1:2], ""},
		"rsa only":     {s.HostKeys[2:], ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(s)
			o.HostKeys = &trust{keys: tt.trusted}
			p := newPool(t, o)
			before := strings.Count(s.Log(), "ublickey")
			err := try(t, p, s.URL("app.git"))
			r, testErr := p.Test(t.Context(), address(t, s.URL("app.git")))
			if !strings.HasPrefix(r.HostKey, "SHA256:") {
				t.Errorf("host key %q", r.HostKey)
			}
			if tt.code == "" {
				if err != nil || testErr != nil {
					t.Fatal(err, testErr)
				}
				return
			}
			wantCode(t, err, tt.code)
			wantCode(t, testErr, tt.code)
			if strings.Count(s.Log(), "ublickey") != before {
				t.Errorf("a login was tried:\n%s", s.Log())
			}
		})
	}
}

// A server that gave up the type of key that is known shows the one it has, so that a person sees both; no login is tried.
func TestHostKeyOfAnotherType(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	_, old := testssh.NewKey(t)
	o := options(s)
	o.HostKeys = &trust{keys: []ssh.PublicKey{old.PublicKey()}}
	err := try(t, newPool(t, o), s.URL("app.git"))
	wantCode(t, err, model.CodeHostKeyChanged, ssh.FingerprintSHA256(s.HostKeys[0]))
	if strings.Contains(s.Log(), "ublickey") {
		t.Errorf("a login was tried:\n%s", s.Log())
	}
}

func TestRefusedKey(t *testing.T) {
	s := testssh.Start(t, testssh.Options{RefuseKey: true})
	s.InitRepo("app.git")
	err := try(t, newPool(t, options(s)), s.URL("app.git"))
	wantCode(t, err, model.CodeAuthFailed, ssh.FingerprintSHA256(s.Signer.PublicKey()), "RSA 2048", "issuetrail key show")

	o := options(s)
	o.Keys = &keys{}
	wantCode(t, try(t, newPool(t, o), s.URL("app.git")), model.CodeKeyMissing)
}

// TestSHA1Signatures has a server that takes nothing better from RSA keys.
func TestSHA1Signatures(t *testing.T) {
	s := testssh.Start(t, testssh.Options{PubkeyAccepted: "ssh-rsa"})
	s.InitRepo("app.git")
	o := options(s)
	wantCode(t, try(t, newPool(t, o), s.URL("app.git")), model.CodeAuthFailed)
	o.AllowSHA1 = func(hostport string) bool { return hostport == s.HostPort() }
	if err := try(t, newPool(t, o), s.URL("app.git")); err != nil {
		t.Error(err, s.Log())
	}
}

func TestMissing(t *testing.T) {
	for _, o := range []testssh.Options{{}, {NoProtocolV2: true}} {
		s := testssh.Start(t, o)
		p := newPool(t, options(s))
		wantCode(t, try(t, p, s.URL("none.git")), model.CodeNotFound, "does not appear to be a git repository", "check the path")
		if _, err := p.Test(t.Context(), address(t, s.URL("it's!.git"))); err == nil || !strings.Contains(err.Error(), "it's!.git") {
			t.Errorf("quoting: %v", err)
		}
		s.InitRepo("sha256.git", "--object-format=sha256")
		testssh.AddCommits(t, s.Root+"/sha256.git", "main", 1, nil)
		wantCode(t, try(t, p, s.URL("sha256.git")), model.CodeUnsupported, "SHA-256")
		testssh.AddCommits(t, s.InitRepo("app.git"), "main", 1, nil)
		_, err := tryFetch(t, p, s.URL("app.git"), []model.Hash{{1}}, nil)
		wantCode(t, err, model.CodeProtocol, "not our ref")
	}
}

func TestAddresses(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	o := options(s)
	o.Allow = nil
	o.Timeouts.Dial = time.Second
	p := newPool(t, o)
	for _, host := range []string{"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "169.254.169.254", "[fd00:ec2::254]", "[64:ff9b::a9fe:a9fe]"} {
		wantCode(t, try(t, p, "ssh://git@"+host+":22/app.git"), model.CodeURLForbidden, "sync.allow_addresses")
	}
	if _, err := p.Scan(t.Context(), s.HostPort()); err == nil {
		t.Error("scan of a forbidden address")
	}
	o.Allow = func() []netip.Prefix { return loopback }
	p = newPool(t, o)
	wantCode(t, try(t, p, "ssh://git@127.0.0.1:1/app.git"), model.CodeUnreachable, "refused")
	wantCode(t, try(t, p, "ssh://git@no-such-name.invalid/app.git"), model.CodeUnreachable, "resolve")
}

func TestScan(t *testing.T) {
	s := testssh.Start(t, testssh.Options{HostKeyTypes: []string{"ed25519", "ecdsa", "rsa"}})
	found, err := newPool(t, options(s)).Scan(t.Context(), s.HostPort())
	if err != nil || len(found) != 3 {
		t.Fatalf("%d keys, %v", len(found), err)
	}
	for i, k := range found {
		if string(k.Marshal()) != string(s.HostKeys[i].Marshal()) {
			t.Errorf("key %d is %s", i, k.Type())
		}
	}
	if strings.Contains(s.Log(), "Accepted") {
		t.Error("the scan logged in")
	}
}

func TestTest(t *testing.T) {
	forEachKind(t, func(t *testing.T, s *testssh.Server, p *Pool, _ bool) {
		testssh.AddCommits(t, s.InitRepo("app.git"), "main", 1, nil)
		r, err := p.Test(t.Context(), address(t, s.URL("app.git")))
		if err != nil || r.Refs != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		if want := ssh.FingerprintSHA256(s.HostKeys[0]); r.HostKey != want {
			t.Errorf("host key %s, want %s", r.HostKey, want)
		}
		if v0 := strings.HasPrefix(t.Name(), "TestTest/v0"); (r.Protocol == 0) != v0 || r.Filter == strings.HasSuffix(t.Name(), "plain") {
			t.Errorf("%+v", r)
		}
	})
}

// TestRefusals has the words of servers that are not at hand.
func TestRefusals(t *testing.T) {
	for text, code := range map[string]string{
		"ERROR: Repository not found.\n": model.CodeNotFound,
		"remote: \nremote: ========\nERROR: The project you were looking for could not be found or you don't have permission to view it.\n": model.CodeNotFound,
		"FATAL: R any app git DENIED by fallthru\n(or you mis-spelled the reponame)":                                                        model.CodeNotFound,
		"The requested repository either does not exist or you do not have access.":                                                         model.CodeNotFound,
		"fatal: Project not found: app":                        model.CodeNotFound,
		"bash: line 1: git-upload-pack: command not found":     model.CodeProtocol,
		"fatal: detected dubious ownership in repository at x": model.CodeNotFound,
		"fatal: internal server error \x1b[31m\x00red\u202e":   model.CodeProtocol,
		"": model.CodeProtocol,
		"TF401019: The Git repository with name x does not exist": model.CodeNotFound,
	} {
		f := refused(text)
		if f.Code != code || strings.ContainsAny(f.Detail, "\x1b\x00\n\u202e") {
			t.Errorf("%q gives %s: %q", text, f.Code, f.Detail)
		}
	}
}

func TestCancel(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 2000, nil)
	p := newPool(t, options(s))
	gone := errors.New("the lease is lost")
	ctx, cancel := context.WithCancelCause(t.Context())
	se := open(t, p, s.URL("app.git"))
	list, err := se.Refs(ctx, [32]byte{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = se.Fetch(ctx, FetchRequest{Wants: []model.Hash{list.Refs[0].Tip}}, func(model.RawCommit) error { cancel(gone); return nil })
	if err != nil && !errors.Is(err, gone) { // all may have come already
		t.Error(err)
	}
	if _, err := p.Open(ctx, address(t, s.URL("app.git"))); !errors.Is(err, gone) {
		t.Errorf("open with an ended context: %v", err)
	}
}
