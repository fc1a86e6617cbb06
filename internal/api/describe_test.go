package api

import (
	"context"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"regexp"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"issuetrail/internal/api/wire"
)

var update = flag.Bool("update", false, "write openapi.json anew")

func description(t testing.TB) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromFile("openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestDescriptionIsGenerated(t *testing.T) {
	want, err := json.MarshalIndent(description(t), "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	if *update {
		if err := os.WriteFile("openapi.json", want, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(want) != string(openapiJSON) {
		t.Error("openapi.json is not what openapi.yaml says; run: go generate ./internal/api")
	}
}

// others are the paths that other rooms answer.
var others = map[string]bool{"/metrics": true, "/webhooks/{host}": true, "/webhooks/{host}/{secret}": true}

// TestRoutesAreDescribed compares routes and paths both ways, and who may call what.
func TestRoutesAreDescribed(t *testing.T) {
	doc := description(t)
	described := map[string]*openapi3.Operation{}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			if !others[path] {
				described[method+" "+path] = op
			}
		}
	}
	for _, r := range New(Options{}).routes() {
		name := r.method + " " + templated(r.path)
		op := described[name]
		if op == nil {
			t.Errorf("%s is not described", name)
			continue
		}
		delete(described, name)
		if open := op.Security != nil && len(*op.Security) == 0; open != (r.need == public) {
			t.Errorf("%s: the description and the route do not agree on whether it is open to all", name)
		}
		if r.need == viewer && r.method != http.MethodGet {
			t.Errorf("%s: a viewer may do more than read", name)
		}
	}
	for name := range described {
		t.Errorf("%s is described and has no route", name)
	}
}

// templated writes an echo path as OpenAPI does.
func templated(path string) string {
	return regexp.MustCompile(`:([a-z]+)`).ReplaceAllString(path, "{$1}")
}

func TestDescriptionIsServed(t *testing.T) {
	s := newStage(t)
	a := s.call(s.request("GET", Prefix+"/openapi.json", "", "")).ok(http.StatusOK)
	doc, err := openapi3.NewLoader().LoadFromData(a.Body)
	if err != nil || doc.OpenAPI != "3.0.3" {
		t.Fatalf("%v: %.200s", err, a.Body)
	}
	v := as[wire.Version](s.call(s.request("GET", Prefix+"/version", "", s.viewer)).ok(http.StatusOK))
	if v.Version != "1.0" {
		t.Fatal(v)
	}
}
