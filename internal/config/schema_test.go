package config

import (
	"encoding/json"
	"flag"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/invopop/jsonschema"
	"go.yaml.in/yaml/v4"
)

//go:generate go test -run TestSchema -update .

var update = flag.Bool("update", false, "write config.schema.json anew")

const schemaFile = "../../config.schema.json"

// schema makes the JSON schema of the config from its structs, their comments and tags.
func schema(t *testing.T) []byte {
	t.Helper()
	r := &jsonschema.Reflector{
		FieldNameTag:               "yaml",
		ExpandedStruct:             true,
		RequiredFromJSONSchemaTags: true,
		Mapper: func(t reflect.Type) *jsonschema.Schema {
			switch t {
			case reflect.TypeFor[time.Duration]():
				return &jsonschema.Schema{Type: "string", Examples: []any{"15m", "1h30m"}}
			case reflect.TypeFor[netip.Prefix]():
				return &jsonschema.Schema{Type: "string", Examples: []any{"10.0.0.0/8", "::1"}}
			}
			return nil
		},
	}
	if err := r.AddGoComments("issuetrail/internal/config", ".", jsonschema.WithFullComment()); err != nil {
		t.Fatal(err)
	}
	// The comments are keyed by the import path with the folder appended to it.
	for key, text := range r.CommentMap {
		r.CommentMap[strings.Replace(key, "config/.", "config", 1)] = strings.Join(strings.Fields(text), " ")
	}
	s := r.Reflect(&Config{})
	s.ID = ""
	s.Title = "issuetrail configuration"
	kind, _ := s.Definitions["Host"].Properties.Get("kind")
	for _, k := range kinds {
		kind.Enum = append(kind.Enum, k)
	}
	addDefaults(s, reflect.ValueOf(*Defaults()), s.Definitions)
	out, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return append(out, '\n')
}

// addDefaults writes the values of Defaults into the schema.
func addDefaults(s *jsonschema.Schema, v reflect.Value, defs jsonschema.Definitions) {
	for i := range v.NumField() {
		f := v.Field(i)
		p, _ := s.Properties.Get(v.Type().Field(i).Tag.Get("yaml"))
		switch {
		case f.Kind() == reflect.Struct:
			addDefaults(defs[f.Type().Name()], f, defs)
		case f.Kind() == reflect.Slice || f.Kind() == reflect.Map || f.IsZero():
		case f.Type() == reflect.TypeFor[time.Duration]():
			p.Default = strings.TrimSuffix(f.Interface().(time.Duration).String(), "0s")
		default:
			p.Default = f.Interface()
		}
	}
}

func TestSchema(t *testing.T) {
	got := schema(t)
	if *update {
		if err := os.WriteFile(schemaFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("config.schema.json is old; run go generate ./internal/config\n%s", diff)
	}
	if n := strings.Count(string(got), `"description"`); n < 60 {
		t.Errorf("%d descriptions; the comments of the structs were not found", n)
	}
}

// The sample names its schema first, and holds each key at least once.
func TestSampleHoldsEveryKey(t *testing.T) {
	text, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(text), "# yaml-language-server: $schema=./config.schema.json\n") {
		t.Error("the first line does not name the schema")
	}
	var sample map[string]any
	if err := yaml.Load(text, &sample); err != nil {
		t.Fatal(err)
	}
	var walk func(rt reflect.Type, path string, nodes []any)
	walk = func(rt reflect.Type, path string, nodes []any) {
		for rt.Kind() == reflect.Slice {
			var entries []any
			for _, n := range nodes {
				list, _ := n.([]any)
				entries = append(entries, list...)
			}
			rt, nodes = rt.Elem(), entries
		}
		if rt.Kind() != reflect.Struct || rt == reflect.TypeFor[netip.Prefix]() || rt == reflect.TypeFor[Links]() {
			return
		}
		for i := range rt.NumField() {
			name := rt.Field(i).Tag.Get("yaml")
			var subs []any
			for _, n := range nodes {
				if m, ok := n.(map[string]any); ok {
					if v, ok := m[name]; ok {
						subs = append(subs, v)
					}
				}
			}
			if len(subs) == 0 {
				t.Errorf("the sample lacks %s", join(path, name))
			}
			walk(rt.Field(i).Type, join(path, name), subs)
		}
	}
	walk(reflect.TypeFor[Config](), "", []any{sample})
}
