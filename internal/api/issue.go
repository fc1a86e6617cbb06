package api

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

var (
	keyPattern = regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,254}-[1-9][0-9]{0,9}$`)
	keyPrefix  = regexp.MustCompile(`^[A-Z0-9_-]{0,266}$`)
)

// parseKey reads an issue key in either case.
func parseKey(s string) (model.IssueKey, error) {
	up := upper(s)
	if !keyPattern.MatchString(up) || !validNumber(up[strings.LastIndexByte(up, '-')+1:]) {
		return "", problem(http.StatusBadRequest, "issue_key_invalid",
			"%.80q is not an issue key; one looks like APP-7", s)
	}
	return model.IssueKey(up), nil
}

// validNumber holds the limit of Jira: a positive 32-bit number.
func validNumber(s string) bool {
	n, err := strconv.ParseInt(s, 10, 32)
	return err == nil && n > 0
}

// upper is for ASCII alone: strings.ToUpper makes an I of a dotless ı.
func upper(s string) string {
	return strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' {
			return r - 'a' + 'A'
		}
		return r
	}, s)
}

func (a *API) getIssue(c echo.Context) error {
	key, err := parseKey(param(c, "key"))
	if err != nil {
		return err
	}
	limit, cursor, err := page(c)
	if err != nil {
		return err
	}
	unreachable, err := boolParam(c, "unreachable")
	if err != nil {
		return err
	}
	issue, err := a.o.Issues.Issue(c.Request().Context(), key,
		model.IssueQuery{Unreachable: unreachable, Limit: limit, Cursor: cursor})
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, a.wireIssue(key, issue))
}

func (a *API) listIssues(c echo.Context) error {
	limit, cursor, err := page(c)
	if err != nil {
		return err
	}
	prefix := upper(strings.TrimSpace(c.QueryParam("query")))
	if !keyPrefix.MatchString(prefix) { // no key begins like that
		return list[wire.IssueSummary](c, nil, "")
	}
	found, next, err := a.o.Issues.Issues(c.Request().Context(), prefix, limit, cursor)
	if err != nil {
		return err
	}
	items := make([]wire.IssueSummary, len(found))
	for i, s := range found {
		items[i] = wire.IssueSummary{
			Key: string(s.Key), JiraURL: optional(a.o.JiraURL(s.Key)),
			Commits: s.Commits, Branches: s.Branches, PullRequests: s.PullRequests, ActivityAt: wire.At(s.ActivityAt),
		}
	}
	return list(c, items, next)
}

// A source is a repo as the links of an issue name it.
type source struct {
	name, id, host string
	defaultBranch  string
	links          model.Links
}

func (a *API) wireIssue(key model.IssueKey, in model.Issue) wire.Issue {
	sources := make(map[int64]source, len(in.Repos))
	for id, r := range in.Repos {
		sources[id] = source{r.Name, strconv.FormatInt(id, 10), r.Host, r.DefaultBranch, a.o.Links(r)}
	}
	out := wire.Issue{
		Key: string(key), JiraURL: optional(a.o.JiraURL(key)), Next: in.Next,
		Commits:      make([]wire.IssueCommit, len(in.Commits)),
		Branches:     make([]wire.IssueBranch, len(in.Branches)),
		Tags:         make([]wire.IssueTag, len(in.Tags)),
		PullRequests: make([]wire.PullRequest, len(in.PullRequests)),
	}
	for i := range in.Commits {
		out.Commits[i] = wireCommit(&in.Commits[i], sources[in.Commits[i].RepoID])
	}
	for i, b := range in.Branches {
		s := sources[b.RepoID]
		out.Branches[i] = wire.IssueBranch{
			Name: b.Name, Tip: b.Tip.String(), Repository: s.name, RepositoryID: s.id, Host: s.host,
			URL: optional(s.links.BranchURL(b.Name)), Default: b.Name == s.defaultBranch,
		}
	}
	for i, t := range in.Tags {
		s := sources[t.RepoID]
		out.Tags[i] = wire.IssueTag{Name: t.Name, Repository: s.name, RepositoryID: s.id, Commits: t.Commits, URL: optional(s.links.TagURL(t.Name))}
	}
	for i, p := range in.PullRequests {
		s := sources[p.RepoID]
		out.PullRequests[i] = wire.PullRequest{
			Number: p.Number, Title: p.Title, Status: string(p.Status), Source: p.Source, Target: p.Target, UpdatedAt: wire.At(p.UpdatedAt),
			Repository: s.name, RepositoryID: s.id, Host: s.host, URL: optional(s.links.PullRequestURL(p.Number)),
		}
	}
	return out
}

func wireCommit(l *model.CommitLink, s source) wire.IssueCommit {
	branches := l.Branches
	if branches == nil {
		branches = []string{}
	}
	return wire.IssueCommit{
		Hash: l.Commit.Hash.String(), Subject: l.Commit.Subject(), Message: l.Commit.Message, Merge: l.Commit.Merge(),
		Author:     wire.Person(l.Commit.Author),
		AuthoredAt: wire.At(l.Commit.AuthoredAt), CommittedAt: wire.At(l.Commit.CommittedAt),
		Repository: s.name, RepositoryID: s.id, Host: s.host,
		URL: optional(s.links.CommitURL(l.Commit.Hash)), Reachable: l.Reachable,
		Branches: branches, BranchCount: l.BranchCount,
	}
}
