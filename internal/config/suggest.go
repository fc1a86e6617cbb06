package config

import (
	"reflect"
	"slices"
	"strings"
)

// unknownKey says that a key does not exist, and which one is meant.
func unknownKey(key string, in reflect.Type, fields map[string]field) string {
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	if s := didYouMean(key, names); s != "" {
		return "there is no such key" + s
	}
	if p := elsewhere(key, in); p != "" {
		return "there is no such key here" + suggestion(p)
	}
	return "there is no such key; there are " + strings.Join(names, ", ")
}

// elsewhere finds the one place of the file where a key of this name belongs.
func elsewhere(key string, not reflect.Type) string {
	var found []string
	var walk func(t reflect.Type, path string)
	walk = func(t reflect.Type, path string) {
		for t.Kind() == reflect.Slice {
			t, path = t.Elem(), path+"[]"
		}
		if t.Kind() != reflect.Struct || t.PkgPath() != reflect.TypeFor[Config]().PkgPath() {
			return
		}
		for i := range t.NumField() {
			sub := join(path, t.Field(i).Tag.Get("yaml"))
			if t.Field(i).Tag.Get("yaml") == key && t != not {
				found = append(found, sub)
			}
			walk(t.Field(i).Type, sub)
		}
	}
	walk(reflect.TypeFor[Config](), "")
	if len(found) != 1 {
		return ""
	}
	return found[0]
}

// didYouMean is "; did you mean X?" for the nearest word, or "".
func didYouMean(got string, words []string) string {
	best, bestDistance := "", 1+max(1, min(3, len(got)/3))
	plain := strings.ReplaceAll(strings.ToLower(got), "-", "_")
	for _, w := range words {
		word := strings.ReplaceAll(strings.ToLower(w), "-", "_")
		n := distance(plain, word)
		// secret for secret_file, include_refs for include: a part of the name was left out or added.
		if n > 1 && len(plain) > 3 && (strings.Contains(word, plain) || len(word) > 3 && strings.Contains(plain, word)) {
			n = 1
		}
		if n < bestDistance {
			best, bestDistance = w, n
		}
	}
	if best == "" {
		return ""
	}
	return suggestion(best)
}

func suggestion(word string) string { return "; did you mean " + word + "?" }

// distance counts the letters to change, add, drop or swap with a neighbour.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			rows[i][j] = min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				rows[i][j] = min(rows[i][j], rows[i-2][j-2]+1)
			}
		}
	}
	return rows[len(a)][len(b)]
}
