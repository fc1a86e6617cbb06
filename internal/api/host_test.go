package api

import (
	"net/http"
	"strings"
	"testing"

	"issuetrail/internal/api/wire"
)

func TestHosts(t *testing.T) {
	s := newStage(t)
	l := as[wire.List[wire.Host]](s.call(s.request("GET", Prefix+"/hosts", "", s.viewer)).ok(http.StatusOK))
	if len(l.Items) != 1 || l.Items[0].Name != "gh" || !l.Items[0].WebhookSecret || l.Items[0].Repositories != 2 {
		t.Errorf("%+v", l)
	}
	s.call(s.request("GET", Prefix+"/hosts", "", "")).problem(http.StatusUnauthorized, "unauthorized")
}

func TestHostGuide(t *testing.T) {
	s := newStage(t)
	g := as[wire.HostGuide](s.call(s.request("GET", Prefix+"/hosts/gh/guide", "", s.viewer)).ok(http.StatusOK))
	if g.Name != "gh" || !g.Configured || len(g.Steps) != 1 || g.Steps[0].Code != "ssh-rsa AAAA" || !strings.HasSuffix(g.WebhookURL, "/webhooks/gh") {
		t.Errorf("%+v", g)
	}
	p := s.do("GET", Prefix+"/hosts/g%2Fh/guide", "").problem(http.StatusNotFound, "not_found")
	if !strings.Contains(p.Detail, `"g/h"`) || p.Hint == "" {
		t.Errorf("%+v", p)
	}
}
