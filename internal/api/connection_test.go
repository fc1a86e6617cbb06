package api

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

func TestConnections(t *testing.T) {
	s := newStage(t)
	test := func(url string) wire.TestResult {
		t.Helper()
		return as[wire.TestResult](s.do("POST", Prefix+"/connections/test", `{"url":"`+url+`"}`).ok(http.StatusOK))
	}
	if r := test("git@github.com:acme/app.git"); !r.OK || r.Refs != 12 || *r.HostKey != printA || *r.Key != printA || r.Code != "" || len(r.Steps) != 1 || r.Protocol != 2 || !r.Filter {
		t.Errorf("%+v", r)
	}
	s.outside.tests["bad.example.com"] = &model.Failure{Code: model.CodeAuthFailed, Detail: "refused", Hint: "add the key"}
	if r := test("git@bad.example.com:a"); r.OK || r.Code != "auth_failed" || r.Hint != "add the key" || *r.HostKey != printB || r.Key != nil || len(r.Steps) != 2 {
		t.Errorf("%+v", r)
	}
	if r := test("http://github.com/a/b"); r.OK || r.Code != "url_invalid" || r.Detail == "" || r.HostKey != nil {
		t.Errorf("%+v", r)
	}
	s.outside.tests["our.example.com"] = errors.New("a fault of ours")
	s.do("POST", Prefix+"/connections/test", `{"url":"git@our.example.com:a"}`).problem(http.StatusInternalServerError, "internal")
}

func TestKnownHosts(t *testing.T) {
	s := newStage(t)
	const path = Prefix + "/known-hosts"
	l := as[wire.List[wire.KnownHost]](s.do("POST", path+"/scan", `{"host":"Git.Example.com"}`).ok(http.StatusOK))
	if len(l.Items) != 2 || l.Items[0].Trusted || l.Items[0].Key != "AQI=" {
		t.Fatalf("%+v", l)
	}
	s.do("POST", path, `{"host":"git.example.com","fingerprint":"aa:bb"}`).problem(http.StatusUnprocessableEntity, "fingerprint_invalid")
	other := "SHA256:" + strings.Repeat("c", 43)
	s.do("POST", path, `{"host":"git.example.com","fingerprint":"`+other+`"}`).problem(http.StatusUnprocessableEntity, "host_key_not_offered")
	k := as[wire.KnownHost](s.do("POST", path, `{"host":"git.example.com:22","fingerprint":"`+printA+`="}`).ok(http.StatusCreated))
	if k.Host != "git.example.com:22" || k.Source != "added" || !k.Trusted {
		t.Errorf("%+v", k)
	}
	if l := as[wire.List[wire.KnownHost]](s.do("GET", path, "").ok(http.StatusOK)); len(l.Items) != 1 || l.Items[0].Fingerprint != printA {
		t.Errorf("%+v", l)
	}
	l = as[wire.List[wire.KnownHost]](s.do("POST", path+"/scan", `{"host":"git.example.com"}`))
	if !l.Items[0].Trusted || l.Items[1].Trusted {
		t.Errorf("%+v", l)
	}
	s.do("POST", path+"/scan", `{"host":"nowhere.example.com"}`).problem(http.StatusBadGateway, "unreachable")
	s.do("POST", path+"/scan", `{"host":"127.0.0.1:22"}`).problem(http.StatusUnprocessableEntity, "url_forbidden")
	s.do("DELETE", path+"?host=git.example.com", "").ok(http.StatusNoContent)
	s.do("DELETE", path+"?host=git.example.com", "").problem(http.StatusNotFound, "not_found")
	s.do("DELETE", path, "").problem(http.StatusUnprocessableEntity, "host_invalid")

	done := s.do("POST", path+"/import", `{"text":"*.example.com"}`).ok(http.StatusOK)
	for _, word := range []string{`"host":"*.example.com","marker":"revoked"`, `"source":"imported","trusted":false`, `"present":[]`, `"left_out":[{"line":2,"host":"h","reason":"why"}]`} {
		if !strings.Contains(string(done.Body), word) {
			t.Errorf("%s: without %s", done.Body, word)
		}
	}
	s.do("DELETE", path+"?host=*.example.com", "").ok(http.StatusNoContent)
	s.do("DELETE", path+"?host=%40revoked%20*", "").problem(http.StatusNotFound, "not_found")
	s.do("POST", path+"/import", `{"text":"`+strings.Repeat("x", maxHostsBody)+`"}`).problem(http.StatusRequestEntityTooLarge, "body_too_large")
	s.outside.keyErr = &model.Failure{Code: "managed_by_config", Detail: "a file"}
	s.do("POST", path+"/import", `{"text":""}`).problem(http.StatusConflict, "managed_by_config")
}

func TestHostPort(t *testing.T) {
	for in, want := range map[string]string{
		"h": "h:22", "H.Example.COM:2222": "h.example.com:2222", " h ": "h:22", "10.0.0.1": "10.0.0.1:22",
		"::1": "[::1]:22", "[::1]:7": "[::1]:7", "[::1]": "[::1]:22",
		"": "", "h:": "", "h:0": "", "h:65536": "", "h:x": "", "-h": "", "a b": "", "u@h": "", "h/x": "", "fe80::1%eth0": "", "h\n": "h:22", "[h": "h:22",
	} {
		got, err := hostPort(in)
		if (err != nil) != (want == "") || err == nil && got.HostPort() != want {
			t.Errorf("%q: %v, %v", in, got, err)
		}
	}
}
