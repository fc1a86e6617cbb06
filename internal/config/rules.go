package config

import (
	"net/netip"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A field is one key of a struct, with what its tags say.
type field struct {
	index    int
	required bool
	rules
}

// rules are what the tags of a field demand. The jsonschema tag serves the
// schema and the decoder alike, so that the two cannot differ.
type rules struct {
	enum     []string
	min, max int
	path     string // "any", "file" or "secret"; see pathTo
}

// fieldsOf gives the keys of a struct.
func fieldsOf(t reflect.Type) map[string]field {
	fields := map[string]field{}
	for i := range t.NumField() {
		f := field{index: i}
		tag := t.Field(i).Tag
		f.path = tag.Get("path")
		for word := range strings.SplitSeq(tag.Get("jsonschema"), ",") {
			name, value, _ := strings.Cut(word, "=")
			switch name {
			case "required":
				f.required = true
			case "enum":
				f.enum = append(f.enum, value)
			case "minimum":
				f.min, _ = strconv.Atoi(value)
			case "maximum":
				f.max, _ = strconv.Atoi(value)
			}
		}
		fields[tag.Get("yaml")] = f
	}
	return fields
}

// join adds a key to a path. A key that would blur the path is quoted.
func join(path, key string) string {
	if key == "" || len(key) > 60 || strings.ContainsFunc(key, func(r rune) bool {
		return r <= ' ' || r == '.' || r == ':' || r == '"' || r > '~'
	}) {
		key = quote(key)
	}
	if path == "" {
		return key
	}
	return path + "." + key
}

// quote shows a text of the file, cut short and without control characters.
func quote(s string) string {
	if r := []rune(s); len(r) > 60 {
		s = string(r[:60]) + "…"
	}
	return strconv.QuoteToGraphic(s)
}

// describe says what a node is, in words.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!timestamp":
		return "a date"
	case "!!null":
		return "nothing"
	case "!!str":
		return "text"
	}
	return "something else"
}

// wanted says what v takes, in words.
func wanted(v reflect.Value) string {
	switch v.Interface().(type) {
	case bool:
		return "true or false"
	case int:
		return "a whole number"
	case time.Duration:
		return "a duration, such as 15m"
	case netip.Prefix:
		return "a network, such as 10.0.0.0/8"
	}
	return "text"
}

// quoteHint tells how a number becomes text.
func quoteHint(v reflect.Value) string {
	if v.Type() == reflect.TypeFor[string]() {
		return " (put it in quotes)"
	}
	return ""
}
