package main

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"issuetrail/internal/issuekey"
)

// The examples of docs/issue-keys.md are what explain says.
func TestIssueKeyExamples(t *testing.T) {
	text, err := os.ReadFile("../../docs/issue-keys.md")
	if err != nil {
		t.Fatal(err)
	}
	sites := []string{"https://jira.example.com"}
	strict := issuekey.New(issuekey.Options{JiraBase: sites})
	listed := issuekey.New(issuekey.Options{
		Projects: []string{"APP", "OPS", "MY_APP"}, Aliases: map[string]string{"OLD": "APP"}, JiraBase: sites,
	})
	rows := regexp.MustCompile("(?m)^\\| (branch )?`(.*)` \\| (.*) \\| (.*) \\|$").FindAllStringSubmatch(string(text), -1)
	if len(rows) < 20 {
		t.Fatalf("%d examples were found", len(rows))
	}
	for _, row := range rows {
		kind := issuekey.Message
		if row[1] != "" {
			kind = issuekey.Branch
		}
		for i, rules := range []*issuekey.Rules{strict, listed} {
			keys := []string{}
			for _, k := range explain(rules, row[2], kind).Keys {
				keys = append(keys, string(k))
			}
			got, want := strings.Join(keys, " "), strings.Trim(row[3+i], "–")
			if got != want {
				t.Errorf("%s%s: %q, and the document says %q (list: %t)", row[1], row[2], got, want, i == 1)
			}
		}
	}
}
