package mirror

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

var allSteps = []string{StepDNS, StepTCP, StepHostKey, StepAuthentication, StepRepository, StepRefs, StepProtocol}

// wantStep checks that a test failed at a step, and went well up to it.
func wantStep(t *testing.T, r TestResult, name, code string, words ...string) {
	t.Helper()
	for i, s := range r.Steps {
		last := i == len(r.Steps)-1
		switch {
		case s.Name != allSteps[i] && !(last && s.Name == name):
			t.Errorf("step %d is %s", i, s.Name)
		case s.OK == last || (s.Failure != nil) != last:
			t.Errorf("step %s: %+v", s.Name, s)
		case s.Duration < 0 || s.Duration > time.Minute:
			t.Errorf("step %s took %s", s.Name, s.Duration)
		}
	}
	if len(r.Steps) == 0 {
		t.Fatal("no steps")
	}
	s := r.Steps[len(r.Steps)-1]
	if s.Name != name || s.Failure == nil || s.Failure.Code != code || s.Detail != s.Failure.Detail {
		t.Fatalf("the last step is %+v, want %s with %s", s, name, code)
	}
	for _, w := range words {
		if !strings.Contains(s.Detail, w) {
			t.Errorf("%q does not say %q", s.Detail, w)
		}
	}
}

// details are what the steps of a test say that went well.
func details(t *testing.T, r TestResult) map[string]string {
	t.Helper()
	out := map[string]string{}
	for i, s := range r.Steps {
		if s.Name != allSteps[i] || !s.OK || s.Failure != nil || s.Duration < 0 {
			t.Errorf("step %d: %+v", i, s)
		}
		out[s.Name] = s.Detail
	}
	if len(out) != len(allSteps) {
		t.Errorf("steps %v", out)
	}
	return out
}

func TestSteps(t *testing.T) {
	forEachKind(t, func(t *testing.T, s *testssh.Server, p *Pool, _ bool) {
		dir := s.InitRepo("app.git")
		testssh.AddCommits(t, dir, "main", 1, nil)
		testssh.Git(t, dir, "branch", "side", "main")
		a := address(t, s.URL("app.git"))
		a.Host = "localhost"
		r, err := p.Test(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		got := details(t, r)
		protocol, filter := "protocol 2", !strings.HasSuffix(t.Name(), "plain")
		if strings.HasPrefix(t.Name(), "TestSteps/v0") {
			protocol = "protocol 0"
		}
		for name, words := range map[string][]string{
			StepDNS:            {"127.0.0.1"},
			StepTCP:            {s.HostPort()},
			StepHostKey:        {"ssh-ed25519 " + ssh.FingerprintSHA256(s.HostKeys[0])},
			StepAuthentication: {"RSA 2048 " + prints(s.Signer)[0], "rsa-sha2-256"},
			StepRepository:     {dir},
			StepRefs:           {"2 branches and tags", "main is the default"},
			StepProtocol:       {protocol, "git/"},
		} {
			for _, w := range words {
				if !strings.Contains(got[name], w) {
					t.Errorf("%s: %q does not say %q", name, got[name], w)
				}
			}
		}
		if strings.Contains(got[StepProtocol], "no filter") == filter || r.Filter != filter {
			t.Errorf("filter: %q", got[StepProtocol])
		}
		if r.Key != prints(s.Signer)[0] || r.Algorithm != ssh.KeyAlgoRSASHA256 || r.Default != "refs/heads/main" || !strings.HasPrefix(r.Agent, "git/") {
			t.Errorf("%+v", r)
		}
		s.InitRepo("empty.git")
		if r, err := p.Test(t.Context(), address(t, s.URL("empty.git"))); err != nil || len(r.Steps) != len(allSteps) || r.Refs != 0 {
			t.Errorf("empty: %+v, %v", r, err)
		}
	})
}

// TestStepsFail has a fault at each step.
func TestStepsFail(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
	testssh.AddCommits(t, s.InitRepo("sha256.git", "--object-format=sha256"), "main", 1, nil)
	v0 := testssh.Start(t, testssh.Options{NoProtocolV2: true})
	testssh.AddCommits(t, v0.InitRepo("app.git"), "main", 1, nil)
	testssh.Git(t, v0.Root+"/app.git", "tag", "one")
	testssh.Git(t, v0.Root+"/app.git", "tag", "two")
	testssh.Git(t, v0.Root+"/app.git", "tag", "three")
	noHost := newFake(t, afterBanner)
	defer noHost.close()
	with := func(o Options, change func(*Options)) Options { change(&o); return o }
	plain := func(*Options) {}
	for name, c := range map[string]struct {
		o     Options
		url   string
		step  string
		code  string
		words string
	}{
		"no such name":   {options(s), "ssh://git@no-such-name.invalid/app.git", StepDNS, model.CodeUnreachable, "resolve"},
		"guarded":        {with(options(s), func(o *Options) { o.Allow = nil }), s.URL("app.git"), StepTCP, model.CodeURLForbidden, "127.0.0.1"},
		"guarded name":   {with(options(s), func(o *Options) { o.Allow = nil }), "ssh://git@localhost/app.git", StepTCP, model.CodeURLForbidden, "loopback"},
		"nobody listens": {options(s), "ssh://git@127.0.0.1:1/app.git", StepTCP, model.CodeUnreachable, "refused"},
		"no SSH":         {noHost.options(), "ssh://git@" + noHost.Addr().String() + "/x", StepHostKey, model.CodeTimeout, "login"},
		"host key":       {with(options(s), func(o *Options) { o.HostKeys = &trust{} }), s.URL("app.git"), StepHostKey, model.CodeHostKeyUnknown, "SHA256:"},
		"key":            {with(options(s), func(o *Options) { o.Keys = &keys{fresh} }), s.URL("app.git"), StepAuthentication, model.CodeAuthFailed, prints(fresh)[0]},
		"no key":         {with(options(s), func(o *Options) { o.Keys = &keys{} }), s.URL("app.git"), StepAuthentication, model.CodeKeyMissing, ""},
		"repository":     {options(s), s.URL("none.git"), StepRepository, model.CodeNotFound, "none.git"},
		"refs":           {with(options(s), func(o *Options) { o.Limits.Refs = -3 }), s.URL("app.git"), StepRefs, model.CodeLimitExceeded, ""},
		"refs at once":   {with(options(v0), func(o *Options) { o.Limits.Refs = 1 }), v0.URL("app.git"), StepRefs, model.CodeLimitExceeded, ""},
		"SHA-256":        {with(options(s), plain), s.URL("sha256.git"), StepProtocol, model.CodeUnsupported, "SHA-256"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := newPool(t, c.o).Test(t.Context(), address(t, c.url))
			wantCode(t, err, c.code)
			if c.code != model.CodeUnsupported {
				wantStep(t, r, c.step, c.code, c.words)
			}
			last := r.Steps[len(r.Steps)-1]
			if last.Name != c.step || !errors.Is(err, error(last.Failure)) && last.Failure.Detail != err.Error() {
				t.Errorf("the test's error is %v, its last step %+v", err, last)
			}
			if strings.HasPrefix(name, "guarded") && !strings.Contains(r.Steps[0].Detail, "127.0.0.1 (refused)") {
				t.Errorf("dns: %q", r.Steps[0].Detail)
			}
		})
	}
	o := options(s)
	o.Keys = &ring{set: []ssh.Signer{fresh, old}}
	r, err := newPool(t, o).Test(t.Context(), address(t, s.URL("app.git")))
	if err != nil {
		t.Fatal(err)
	}
	if got := details(t, r)[StepAuthentication]; !strings.Contains(got, "SHA256:") || !strings.Contains(got, "; not with RSA 2048 "+prints(fresh)[0]) {
		t.Errorf("the first key's refusal is not told: %q", got)
	}
}

// TestProbe: a probe has the key that it is given, its own connection and the caller's limits; what
// is held and remembered stays.
func TestProbe(t *testing.T) {
	fresh, old := twoKeys(t)
	s := testssh.Start(t, testssh.Options{})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 3, nil)
	o := options(s)
	o.Keys = &ring{set: []ssh.Signer{old}}
	p := newPool(t, o)
	a := address(t, s.URL("app.git"))
	se := open(t, p, s.URL("app.git"))
	held := p.held()
	r, err := p.Probe(t.Context(), a, fresh)
	wantCode(t, err, model.CodeAuthFailed, prints(fresh)[0])
	wantStep(t, r, StepAuthentication, model.CodeAuthFailed)
	s.Authorize(fresh.PublicKey())
	if r, err := p.Probe(t.Context(), a, fresh); err != nil || r.Key != prints(fresh)[0] || r.Refs != 1 {
		t.Errorf("%+v, %v", r, err)
	}
	if p.held() != held {
		t.Errorf("%d connections are held", p.held())
	}
	if _, err := se.Refs(t.Context(), [32]byte{}); err != nil || se.keys.cur.name != prints(old)[0] {
		t.Errorf("the session that was there: %v", err)
	}
	if got := s.Accepted(); !slices.Equal(got, prints(old, fresh)) {
		t.Errorf("logins %q", got)
	}
	waitFor(t, "the probe's connection to go", func() bool { p.mu.Lock(); defer p.mu.Unlock(); return len(p.lone) == 0 })
}

// TestProbeEnds: the caller's time is kept, wherever the server falls silent.
func TestProbeEnds(t *testing.T) {
	for stop, name := range places {
		if stop == beforePack || stop == inPack {
			continue // nothing is fetched
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, stop)
			o := f.options()
			o.Allow = func() []netip.Prefix { return loopback }
			o.Timeouts.Handshake, o.Timeouts.Idle = time.Hour, time.Hour
			p := NewPool(o)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			r, err := p.Probe(ctx, f.address(t), f.host)
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if last := r.Steps[len(r.Steps)-1]; last.OK || last.Failure.Code != model.CodeTimeout {
				t.Errorf("last step %+v", last)
			}
			p.Close()
			f.close()
		})
	}
}
