package main

import (
	"slices"
	"testing"
)

// The second key search must be right by itself: these are the examples of
// docs/issue-keys.md, not what issuetrail finds.
func TestKeysIn(t *testing.T) {
	known := map[string]bool{"ABC": true, "DEF": true, "PROJ": true, "MY_PROJ": true, "J2": true}
	for text, want := range map[string][]string{
		"ABC-123 fix":                         {"ABC-123"},
		"feature/abc-123-login":               {"ABC-123"},
		"ABC-1,DEF-2":                         {"ABC-1", "DEF-2"},
		"feature_ABC-123_x":                   {"ABC-123"},
		"MY_PROJ-7":                           {"MY_PROJ-7"},
		"x_PROJ-7":                            {"PROJ-7"},
		"thisABC-123":                         nil,
		"ABC-123abcd DEF-456":                 {"DEF-456"},
		"UTF-8 SHA-256 CVE-2021-44228":        nil,
		"ABC-123-2nd-try":                     {"ABC-123"},
		"ABC-0 ABC-090":                       nil,
		"ÄABC-1 xÉABC-5":                      nil,
		"ABC-1é":                              nil,
		"ABC-1\xe9":                           nil,
		"ABC-2147483647 ABC-2147483648":       {"ABC-2147483647"},
		"ABC-12345678901234567890":            nil,
		"https://other/browse/ABC-9":          nil,
		"(https://other/a) ABC-9":             {"ABC-9"},
		"(https://other/a)ABC-9":              {"ABC-9"},
		"<https://other/ABC-1>ABC-2":          {"ABC-2"},
		`Revert "ABC-1 x"`:                    {"ABC-1"},
		"J2-3 j2-3 J2-4":                      {"J2-3", "J2-4"},
		"1ABC-7 A-1_ABC-8":                    {"ABC-8"},
		"Merge branch 'abc-12-x' into 'main'": {"ABC-12"},
	} {
		if got := keysIn(text, known); !slices.Equal(got, want) {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestSamples(t *testing.T) {
	var s samples
	for n := 100; n > 0; n-- {
		s = append(s, float64(n))
	}
	for p, want := range map[float64]float64{0: 1, 1: 1, 50: 50, 95: 95, 99: 99, 100: 100} {
		if got := s.percentile(p); got != want {
			t.Errorf("percentile %g is %g, want %g", p, got, want)
		}
	}
	if got := s.median(); got != 50.5 {
		t.Errorf("median is %g", got)
	}
	if (samples{}).median() != 0 || (samples{}).percentile(99) != 0 {
		t.Error("no samples must give zero")
	}
}

func TestSumOf(t *testing.T) {
	const text = "# HELP a_total x\na_total{r=\"x\"} 2\na_total{r=\"y } z\"} 3.5\na_total_sum 7\nb 1e3\n"
	for name, want := range map[string]float64{"a_total": 5.5, "b": 1000, "a_total_sum": 7} {
		if got, err := sumOf(text, name); err != nil || got != want {
			t.Errorf("%s is %g, %v; want %g", name, got, err, want)
		}
	}
	if _, err := sumOf(text, "a"); err == nil {
		t.Error("a metric that is not there must be an error")
	}
}
