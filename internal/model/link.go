package model

import "time"

// An IssueKey names a Jira issue: "APP-7". Upper case, as Jira writes it.
type IssueKey string

// Project is the part before the last dash: "APP".
func (k IssueKey) Project() string {
	for i := len(k) - 1; i >= 0; i-- {
		if k[i] == '-' {
			return string(k[:i])
		}
	}
	return string(k)
}

// A CommitLink is an issue key × a commit, with what a page shows of the commit.
type CommitLink struct {
	Key         IssueKey
	RepoID      int64
	Commit      Commit
	Reachable   bool     // false: no followed ref reaches it any more
	Branches    []string // short names of branches that contain it, default branch first, ten at most
	BranchCount int      // the true number
}

// A BranchLink is an issue key × a branch.
type BranchLink struct {
	Key    IssueKey
	RepoID int64
	Name   string // short
	Tip    Hash
}

// A TagLink is a tag that contains commits of an issue.
type TagLink struct {
	RepoID  int64
	Name    string // short
	Commits int    // how many of the issue's commits it contains
}

// An Issue is all that is linked to one key.
type Issue struct {
	Key      IssueKey
	Commits  []CommitLink // newest first
	Branches []BranchLink
	Tags     []TagLink
	// PullRequests are newest first, as many as a page of commits at most.
	PullRequests []PullRequestLink
	Repos        map[int64]Repo // of all the above
	Next         string         // cursor of further commits; "" = none
}

// An IssueSummary is a line of the issue list.
type IssueSummary struct {
	Key          IssueKey
	Commits      int
	Branches     int
	PullRequests int
	ActivityAt   time.Time // of the newest commit, branch or pull request
}
