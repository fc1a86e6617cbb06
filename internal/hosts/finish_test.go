package hosts

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"issuetrail/internal/model"
)

func TestMoment(t *testing.T) {
	for text, want := range map[string]string{
		`"2026-03-02T10:12:03Z"`:             "2026-03-02T10:12:03Z",
		`"2026-03-02T11:12:03.123456+01:00"`: "2026-03-02T10:12:03.123456Z",
		`"2026-03-02T11:12:03+0100"`:         "2026-03-02T10:12:03Z",
		`"2026-03-02 10:12:03 UTC"`:          "2026-03-02T10:12:03Z",
		`"2026-03-02 11:12:03 +0100"`:        "2026-03-02T10:12:03Z",
		`1772446323`:                         "2026-03-02T10:12:03Z",
		`1772446323456`:                      "2026-03-02T10:12:03.456Z",
		`"1772446323"`:                       "",
		`null`:                               "",
		`""`:                                 "",
		`"yesterday"`:                        "",
		`-1`:                                 "",
		`1e300`:                              "",
		`99999999999999999999999`:            "",
		`9223372036854775807`:                "",
		`"0001-01-01T00:00:00Z"`:             "",
		`"9999-12-31T23:59:59-12:00"`:        "",
		`{"a":1}`:                            "",
		`[]`:                                 "",
		`true`:                               "",
		`"` + strings.Repeat("2026-03-02T10:12:03Z", 20) + `"`: "",
	} {
		var m moment
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			t.Errorf("%.40s: %v", text, err)
		}
		got := ""
		if !m.IsZero() {
			got = m.Format("2006-01-02T15:04:05.999999999Z07:00")
		}
		if got != want {
			t.Errorf("%.40s: %q, want %q", text, got, want)
		}
		if _, err := m.MarshalJSON(); err != nil {
			t.Errorf("%.40s cannot be written again: %v", text, err)
		}
	}
}

func TestClip(t *testing.T) {
	for text, want := range map[string]string{
		"APP-7 log in":                  "APP-7 log in",
		" \t a\x00b\nc\u0085d\u2028e\r": "a b c d e",
		"a\xff":                         "a\uFFFD",
		"":                              "",
		"\n":                            "",
	} {
		if got := clip(text, 20); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
	for _, text := range []string{strings.Repeat("ä", 40), "a" + strings.Repeat("日", 40), strings.Repeat("\xff", 40), strings.Repeat("\xc3", 40), strings.Repeat("\U0001F600", 40), strings.Repeat("\x80", 40)} {
		for limit := range 12 {
			if got := clip(text, limit); len(got) > limit || !utf8.ValidString(got) || limit > 7 && got == "" {
				t.Errorf("%.12q cut at %d: %q", text, limit, got)
			}
		}
	}
}

// TestFinishPullRequest: what a host's parser may hand over, and what comes of it.
func TestFinishPullRequest(t *testing.T) {
	good := model.PullRequest{Number: 1, Title: "APP-7", Status: model.PullRequestOpen, Source: "refs/heads/a/b", Target: "main"}
	for what, c := range map[string]struct {
		change func(*model.Push)
		err    string
	}{
		"good":             {func(*model.Push) {}, ""},
		"with updates":     {func(p *model.Push) { p.Updates = []model.RefUpdate{{Name: "refs/notes/x"}} }, ""},
		"no number":        {func(p *model.Push) { p.PullRequest.Number = 0 }, "no number"},
		"negative":         {func(p *model.Push) { p.PullRequest.Number = -1 }, "no number"},
		"unknown status":   {func(p *model.Push) { p.PullRequest.Status = "merging" }, "state"},
		"long branch":      {func(p *model.Push) { p.PullRequest.Source = strings.Repeat("a", maxRef+1) }, "branch"},
		"control in it":    {func(p *model.Push) { p.PullRequest.Target = "a\nb" }, "branch"},
		"no repository":    {func(p *model.Push) { p.RepoID = "" }, "no repository"},
		"bad old name":     {func(p *model.Push) { p.Was = "a\x00" }, "old name"},
		"long old name":    {func(p *model.Push) { p.Was = strings.Repeat("a", maxName+1) }, "old name"},
		"long id":          {func(p *model.Push) { p.RepoID = strings.Repeat("1", maxWord+1) }, "name or id"},
		"not UTF-8 branch": {func(p *model.Push) { p.PullRequest.Source = "\xff" }, "branch"},
	} {
		pr := good
		p := model.Push{Event: "pull_request", RepoID: "7", PullRequest: &pr}
		c.change(&p)
		got, err := finish(p)
		if (err != nil) != (c.err != "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v", what, err)
		}
		if err != nil && got.PullRequest != nil {
			t.Errorf("%s: a refused delivery keeps its pull request", what)
		}
		if err == nil && (got.PullRequest.Source != "a/b" || got.Updates != nil) {
			t.Errorf("%s: %+v %+v", what, got, got.PullRequest)
		}
	}
}
