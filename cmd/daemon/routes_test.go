package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/zap"

	"issuetrail/internal/config"
)

// Every route of the whole daemon is described, and every description has a route.
func TestRoutesAreDescribed(t *testing.T) {
	cfg := config.Defaults()
	cfg.DataDir = t.TempDir()
	a, err := newApp(t.Context(), cfg, "", zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	e := newEcho(nil, a.log)
	a.routes(e)
	rec := httptest.NewRecorder()
	e.ServeHTTP(rec, httptest.NewRequest("GET", "/api/v1/openapi.json", nil))
	var doc struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	described := map[string]bool{}
	for path, methods := range doc.Paths {
		for method := range methods {
			if method != "parameters" {
				described[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	for _, r := range e.Routes() {
		var parts []string
		for part := range strings.SplitSeq(r.Path, "/") {
			if name, ok := strings.CutPrefix(part, ":"); ok {
				part = "{" + name + "}"
			}
			parts = append(parts, part)
		}
		name := r.Method + " " + strings.Join(parts, "/")
		if strings.Contains(name, "/webhooks/") && r.Method != "POST" {
			continue // answered 405
		}
		if !described[name] {
			t.Errorf("%s is not described", name)
		}
		delete(described, name)
	}
	for name := range described {
		t.Errorf("%s is described, and is no route", name)
	}
}
