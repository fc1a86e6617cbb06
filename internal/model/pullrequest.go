package model

import "time"

// A PullRequest is a pull or merge request, or a Gerrit change, as a delivery
// told of it last.
type PullRequest struct {
	Number    int64
	Title     string
	Status    PullRequestStatus
	Source    string    // short name of the branch it comes from, maybe of a fork; "" = not told
	Target    string    // short name of the branch it goes to; "" = not told
	UpdatedAt time.Time // by the host's clock; zero = not told
}

// PullRequestStatus is the word that the API shows.
type PullRequestStatus string

// The statuses of a pull request. Removed: the host deleted it, and so does the store.
const (
	PullRequestOpen     PullRequestStatus = "open"
	PullRequestMerged   PullRequestStatus = "merged"
	PullRequestDeclined PullRequestStatus = "declined"
	PullRequestRemoved  PullRequestStatus = "removed"
)

// A PullRequestLink is a pull request of a repo that names an issue.
type PullRequestLink struct {
	RepoID int64
	PullRequest
}
