package main

import (
	"net"
	"slices"
	"strings"
	"testing"

	"go.uber.org/zap"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

func TestPublicURL(t *testing.T) {
	tls := config.TLS{CertFile: "c", KeyFile: "k"}
	var bound net.Addr = &net.TCPAddr{IP: net.IPv6unspecified, Port: 8443}
	for _, c := range []struct {
		server    config.Server
		listening *net.Addr
		want      string
	}{
		{config.Server{PublicURL: "https://trail.example.com/x", Listen: ":80"}, &bound, "https://trail.example.com/x"},
		{config.Server{Listen: "127.0.0.1:8080"}, nil, "http://127.0.0.1:8080"},
		{config.Server{Listen: ":8080"}, nil, "http://localhost:8080"},
		{config.Server{Listen: "[2001:db8::1]:8080"}, nil, "http://[2001:db8::1]:8080"},
		{config.Server{Listen: ":0", TLS: tls}, &bound, "https://localhost:8443"},
	} {
		if got := publicURL(c.server, c.listening); got != c.want {
			t.Errorf("%+v: %s, want %s", c.server, got, c.want)
		}
	}
}

// A guide for every kind, with and without an entry: the webhook's address is in it, or the script
// that knows it, and what is filled in can be copied.
func TestGuideOfEveryKind(t *testing.T) {
	cfg := config.Defaults()
	cfg.DataDir = t.TempDir()
	cfg.Server.PublicURL = "https://trail.example.com"
	for _, kind := range hosts.Kinds() {
		cfg.Hosts = append(cfg.Hosts, config.Host{Name: "my-" + kind, Kind: kind, WebURL: "https://web.example.com", SSHHost: "ssh.example.com"})
	}
	for _, with := range []bool{true, false} {
		if !with {
			cfg.Hosts = nil
			cfg.DataDir = t.TempDir()
		}
		a, err := newApp(t.Context(), cfg, "", zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.close)
		for _, kind := range hosts.Kinds() {
			name := kind
			if with {
				name = "my-" + kind
			}
			g, err := hostBook{a}.HostGuide(t.Context(), kind)
			if err != nil || g.Name != name || g.Kind != kind || g.Configured != with || len(g.Steps) < 3 {
				t.Fatalf("%s: %+v, %v", kind, g, err)
			}
			h, _ := hosts.ByKind(kind)
			if want := shownAddress("https://trail.example.com/webhooks/"+name, h); g.WebhookURL != want {
				t.Errorf("%s: %s, want %s", kind, g.WebhookURL, want)
			}
			whole := ""
			for _, s := range g.Steps {
				if s.Title == "" || s.Text == "" {
					t.Errorf("%s: an empty step", kind)
				}
				whole += s.Title + "\n" + s.Text + "\n" + s.Code + "\n"
			}
			if !strings.Contains(whole, g.WebhookURL) {
				t.Errorf("%s: the guide does not say %s", kind, g.WebhookURL)
			}
			if stanza := strings.Contains(g.Steps[0].Code, "kind: "+kind); stanza == with {
				t.Errorf("%s: %q", kind, g.Steps[0].Code)
			}
		}
		if _, err := (hostBook{a}).HostGuide(t.Context(), "nonsense"); err != model.ErrNotFound {
			t.Error(err)
		}
	}
}

// An address of this machine alone is no use to a git host elsewhere, and the guide says so.
func TestGuideOfALocalDaemon(t *testing.T) {
	for public, want := range map[string]bool{"": true, "http://localhost:8080": true, "http://[::1]": true, "https://trail.example.com": false, "http://10.0.0.1:80": false} {
		cfg := config.Defaults()
		cfg.DataDir = t.TempDir()
		cfg.Server.PublicURL = public
		a, err := newApp(t.Context(), cfg, "", zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(a.close)
		g, err := hostBook{a}.HostGuide(t.Context(), hosts.Kinds()[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := slices.ContainsFunc(g.Steps, func(s wire.GuideStep) bool { return strings.Contains(s.Code, "public_url: ") }); got != want {
			t.Errorf("public_url %q: told to set it: %v", public, got)
		}
	}
}

func TestScriptKinds(t *testing.T) {
	kinds := scriptKinds()
	slices.Sort(kinds)
	if got := strings.Join(kinds, " "); got != "git gitblit gitolite" {
		t.Error(got)
	}
}

// A word that is none of those to choose from is called that; it was called a wrong number of arguments.
func TestWordNotToChoose(t *testing.T) {
	for _, args := range [][]string{{"hook", "install-script", "svn"}, {"key", "drop", "svn"}} {
		root := newRoot()
		root.SetArgs(args)
		if err := root.Execute(); err == nil || !strings.Contains(err.Error(), `"svn" is none of `) {
			t.Errorf("%v: %v", args, err)
		}
	}
}

func TestWrapped(t *testing.T) {
	got := wrapped("one two  three\nfour fünf sechs-sieben-acht", 9)
	if strings.Join(got, "|") != "one two|three|four fünf|sechs-sieben-acht" {
		t.Errorf("%q", got)
	}
}
