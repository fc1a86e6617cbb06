package wire

// An Issue is all that is linked to one issue key.
type Issue struct {
	Key          string        `json:"key"`
	JiraURL      *string       `json:"jira_url"` // of the first site whose projects have the key, or null
	Commits      []IssueCommit `json:"commits"`  // newest first
	Branches     []IssueBranch `json:"branches"`
	Tags         []IssueTag    `json:"tags"`
	PullRequests []PullRequest `json:"pull_requests"` // newest first
	Next         string        `json:"next"`          // cursor of further commits
}

// An IssueCommit is a linked commit.
type IssueCommit struct {
	Hash         string   `json:"hash"`
	Subject      string   `json:"subject"`
	Message      string   `json:"message"`
	Merge        bool     `json:"merge"`
	Author       Person   `json:"author"`
	AuthoredAt   Time     `json:"authored_at"`
	CommittedAt  Time     `json:"committed_at"`
	Repository   string   `json:"repository"`
	RepositoryID string   `json:"repository_id"`
	Host         string   `json:"host"`
	URL          *string  `json:"url"`       // null: the host has no pages that we know of
	Reachable    bool     `json:"reachable"` // false only with ?unreachable=true
	Branches     []string `json:"branches"`  // short names, the default branch first, ten at most
	BranchCount  int      `json:"branch_count"`
	Files        []File   `json:"files"`      // null: files are not known
	FileCount    *int     `json:"file_count"` // null: files are not known
}

// A Person is an author.
type Person struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// A File is a changed file of a commit.
type File struct {
	Path    string `json:"path"`
	Change  string `json:"change"` // added, modified, deleted or renamed
	Added   int    `json:"added"`
	Deleted int    `json:"deleted"`
}

// An IssueBranch is a branch whose name has the key.
type IssueBranch struct {
	Name         string  `json:"name"`
	Tip          string  `json:"tip"`
	Repository   string  `json:"repository"`
	RepositoryID string  `json:"repository_id"`
	Host         string  `json:"host"`
	URL          *string `json:"url"`
	Default      bool    `json:"default"`
}

// An IssueTag is a tag that contains commits of the issue.
type IssueTag struct {
	Name         string  `json:"name"`
	Repository   string  `json:"repository"`
	RepositoryID string  `json:"repository_id"`
	Commits      int     `json:"commits"`
	URL          *string `json:"url"`
}

// A PullRequest is a pull or merge request, or a Gerrit change, whose title or source branch
// names the key, as a delivery told of it last.
type PullRequest struct {
	Number       int64   `json:"number"`
	Title        string  `json:"title"`
	Status       string  `json:"status"` // open, merged or declined
	Source       string  `json:"source"` // short name of the branch it comes from; "" = not told
	Target       string  `json:"target"` // short name of the branch it goes to; "" = not told
	UpdatedAt    Time    `json:"updated_at"`
	Repository   string  `json:"repository"`
	RepositoryID string  `json:"repository_id"`
	Host         string  `json:"host"`
	URL          *string `json:"url"` // null: the host has no pages that we know of
}

// An IssueSummary is a line of the issue list.
type IssueSummary struct {
	Key          string  `json:"key"`
	JiraURL      *string `json:"jira_url"`
	Commits      int     `json:"commits"`
	Branches     int     `json:"branches"`
	PullRequests int     `json:"pull_requests"`
	ActivityAt   Time    `json:"activity_at"`
}

// A LinkedCommit is a link of one repository: an issue key and a commit. A commit
// that names two issues comes twice.
type LinkedCommit struct {
	Key         string  `json:"key"`
	Hash        string  `json:"hash"`
	Subject     string  `json:"subject"`
	Author      Person  `json:"author"`
	CommittedAt Time    `json:"committed_at"`
	URL         *string `json:"url"`
	Reachable   bool    `json:"reachable"`
}

// A LinkedBranch is a link of one repository: an issue key and a branch.
type LinkedBranch struct {
	Key     string  `json:"key"`
	Name    string  `json:"name"`
	Tip     string  `json:"tip"`
	URL     *string `json:"url"`
	Default bool    `json:"default"`
}
