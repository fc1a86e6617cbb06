package main

import (
	"strings"
	"testing"
	"time"

	"issuetrail/internal/api/wire"
)

func TestPrintPullRequests(t *testing.T) {
	url := "https://github.com/acme/app/pull/12"
	var out strings.Builder
	printIssue(&out, wire.Issue{Key: "APP-7", PullRequests: []wire.PullRequest{
		{
			Number: 12, Title: "APP-7 \x1b[31mthe login", Status: "merged", Source: "feature/x", Target: "main", Repository: "acme/app",
			UpdatedAt: wire.At(time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)), URL: &url,
		},
		{Number: 3, Title: "APP-7", Status: "open", Repository: "acme/bare"},
	}})
	want := `APP-7: 2 pull requests

pull request 12  acme/app  merged
  APP-7 [31mthe login
  2026-03-04 05:06, from feature/x, to main
  https://github.com/acme/app/pull/12

pull request 3  acme/bare  open
  APP-7
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
