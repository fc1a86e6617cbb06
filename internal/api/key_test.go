package api

import (
	"net/http"
	"strings"
	"testing"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

func TestKey(t *testing.T) {
	s := newStage(t)
	p := s.do("GET", Prefix+"/key", "").problem(http.StatusNotFound, model.CodeKeyMissing)
	if p.Hint != "make one" {
		t.Error(p.Hint)
	}
	k := as[wire.Key](s.do("POST", Prefix+"/key/generate", "").ok(http.StatusOK))
	if k.Bits != 4096 || k.Type != "rsa" || k.ConvertedFrom != nil || k.Source != "managed" {
		t.Errorf("%+v", k)
	}
	if a := s.do("GET", Prefix+"/key", "").ok(http.StatusOK); !strings.Contains(string(a.Body), `"installed_at":"2026-01-02T03:04:05.000678Z","previous":null,"staged":null`) {
		t.Errorf("%s", a.Body)
	}
	s.do("POST", Prefix+"/key/generate", `{"bits":3072,"only_if_missing":true}`).problem(http.StatusConflict, "key_exists")
	s.do("POST", Prefix+"/key/generate", `{"bits":512}`).problem(http.StatusUnprocessableEntity, "bits_invalid")
	s.do("POST", Prefix+"/key/generate", `{"bits":3072}`).ok(http.StatusOK)

	k = as[wire.Key](s.do("PUT", Prefix+"/key", `{"private_key":"-----BEGIN OPENSSH PRIVATE KEY-----","passphrase":"p"}`).ok(http.StatusOK))
	if k.ConvertedFrom == nil || *k.ConvertedFrom != "openssh" {
		t.Errorf("%+v", k)
	}
	if a := s.do("PUT", Prefix+"/key", `{"private_key":"pem"}`).ok(http.StatusOK); !strings.Contains(string(a.Body), `"converted_from":""`) {
		t.Errorf("%s", a.Body)
	}
	s.do("PUT", Prefix+"/key", `{"private_key":""}`).problem(http.StatusUnprocessableEntity, "key_unreadable")
	for code, status := range map[string]int{"key_public": 422, "key_passphrase_wrong": 422, "managed_by_config": 409} {
		s.outside.keyErr = &model.Failure{Code: code, Detail: "it is so: run this"}
		if p := s.do("PUT", Prefix+"/key", `{"private_key":"x"}`).problem(status, code); p.Detail != "it is so: run this" {
			t.Error(p)
		}
	}
}

// TestRotation: a key is staged, becomes active, goes back, and is dropped; each answer has the keys
// beside it.
func TestRotation(t *testing.T) {
	s := newStage(t)
	key := func(a answered) wire.Key { t.Helper(); return as[wire.Key](a.ok(http.StatusOK)) }
	for path, code := range map[string]string{"/activate": "key_staged_missing", "/rollback": "key_previous_missing"} {
		s.do("POST", Prefix+"/key"+path, "").problem(http.StatusNotFound, code)
	}
	s.do("DELETE", Prefix+"/key/staged", "").problem(http.StatusNotFound, "key_staged_missing")
	s.do("DELETE", Prefix+"/key/previous", "").problem(http.StatusNotFound, "key_previous_missing")
	s.do("POST", Prefix+"/key/generate", "").ok(http.StatusOK)

	if k := as[wire.KeptKey](s.do("POST", Prefix+"/key/stage", "").ok(http.StatusOK)); k.Bits != 4096 || k.ConvertedFrom != nil {
		t.Errorf("%+v", k)
	}
	if k := as[wire.KeptKey](s.do("POST", Prefix+"/key/stage", `{"private_key":"PuTTY","passphrase":"p"}`).ok(http.StatusOK)); *k.ConvertedFrom != "putty" {
		t.Errorf("%+v", k)
	}
	s.do("POST", Prefix+"/key/stage", `{"bits":3072}`).ok(http.StatusOK)
	s.do("POST", Prefix+"/key/stage", `{"bits":1024}`).problem(http.StatusUnprocessableEntity, "bits_invalid")
	s.do("POST", Prefix+"/key/stage", `{"bits":4096,"private_key":"x"}`).problem(http.StatusUnprocessableEntity, "bits_invalid")
	s.do("POST", Prefix+"/key/stage", `{"passphrase":"x"}`).problem(http.StatusUnprocessableEntity, "key_unreadable")
	s.do("POST", Prefix+"/key/stage", `{"private_key":"`+strings.Repeat("x", maxKeyBody)+`"}`).problem(http.StatusRequestEntityTooLarge, "body_too_large")
	if k := key(s.do("GET", Prefix+"/key", "")); k.Fingerprint != printA || k.Staged == nil || k.Staged.Fingerprint != printB || k.Staged.Bits != 3072 || k.Previous != nil {
		t.Errorf("%+v", k)
	}

	if k := key(s.do("POST", Prefix+"/key/activate", "")); k.Fingerprint != printB || k.Previous == nil || k.Previous.Fingerprint != printA || k.Staged != nil {
		t.Errorf("%+v", k)
	}
	if k := key(s.do("POST", Prefix+"/key/rollback", "")); k.Fingerprint != printA || k.Previous.Fingerprint != printB {
		t.Errorf("%+v", k)
	}
	s.do("DELETE", Prefix+"/key/previous", "").ok(http.StatusNoContent)
	if k := key(s.do("GET", Prefix+"/key", "")); k.Previous != nil {
		t.Errorf("%+v", k)
	}
	if r := as[wire.Rewrap](s.do("POST", Prefix+"/key/rewrap", "").ok(http.StatusOK)); r.Keys != 2 || r.Note != "save the file anew" {
		t.Errorf("%+v", r)
	}
	for code, status := range map[string]int{"key_active": 409, "managed_by_config": 409, "key_public": 422} {
		s.outside.keyErr = &model.Failure{Code: code, Detail: "it is so"}
		s.do("POST", Prefix+"/key/stage", `{"private_key":"x"}`).problem(status, code)
	}
	s.outside.keyErr = &model.Failure{Code: "master_key_single", Detail: "it is so"}
	s.do("POST", Prefix+"/key/rewrap", "").problem(http.StatusConflict, "master_key_single")
}

// TestKeyWatch: who accepts the staged key is for viewers to read, and for admins to ask for.
func TestKeyWatch(t *testing.T) {
	s := newStage(t)
	read := func(path string) answered {
		return s.call(s.request("GET", Prefix+path, "", s.viewer)).ok(http.StatusOK)
	}
	if l := as[wire.List[wire.KeyCheck]](read("/key/checks?limit=7&cursor=here")); l.Next != "more" || l.Items[0].Repository != "here" || l.Items[0].Hint != "7" {
		t.Errorf("%+v", l)
	}
	s.do("GET", Prefix+"/key/checks?limit=0", "").problem(http.StatusBadRequest, "limit_invalid")
	if k := as[wire.KeyStatus](read("/key/status")); k.Expected != 3 || len(k.Servers) != 2 || k.Servers[1].Tried != nil {
		t.Errorf("%+v", k)
	}
	for _, call := range []string{"POST /key/check", "POST /key/stage", "POST /key/activate", "POST /key/rollback", "POST /key/rewrap", "DELETE /key/staged", "DELETE /key/previous"} {
		method, path, _ := strings.Cut(call, " ")
		s.call(s.request(method, Prefix+path, "", s.viewer)).problem(http.StatusForbidden, "forbidden")
	}
	if s.outside.asked {
		t.Error("a viewer had the servers tried")
	}
	if c := as[wire.Checking](s.do("POST", Prefix+"/key/check", "").ok(http.StatusAccepted)); !s.outside.asked || c.AskedAt.IsZero() {
		t.Errorf("%+v", c)
	}
	s.outside.keyErr = &model.Failure{Code: model.CodeKeyMissing, Detail: "none"}
	s.do("POST", Prefix+"/key/check", "").problem(http.StatusNotFound, "key_missing")
}
