package wire

// A Repository is a mirrored repository and how its syncs go.
type Repository struct {
	ID             string     `json:"id"`
	URL            string     `json:"url"`
	Name           string     `json:"name"`
	Host           string     `json:"host"`
	HostID         string     `json:"host_id"`  // the host's own id of it, learnt from a delivery; "" = not known yet
	MovedTo        string     `json:"moved_to"` // where a delivery saw it, until a sync looked there; "" = nowhere else
	Mirror         string     `json:"mirror"`
	Schedule       string     `json:"schedule"` // the one in force
	Projects       []string   `json:"projects"` // empty = issues.projects of the config
	Source         string     `json:"source"`
	State          string     `json:"state"`
	Suspended      bool       `json:"suspended"`
	DefaultBranch  string     `json:"default_branch"` // "" until the first sync
	WebURL         *string    `json:"web_url"`
	CreatedAt      Time       `json:"created_at"`
	LastSyncedAt   Time       `json:"last_synced_at"`
	NextSyncAt     Time       `json:"next_sync_at"`
	NextRuns       []Time     `json:"next_runs"` // of the schedule, the next few
	LastError      *LastError `json:"last_error"`
	Refs           int        `json:"refs"`
	Commits        int        `json:"commits"` // all of the history, linked or not
	LinkedCommits  int        `json:"linked_commits"`
	LinkedBranches int        `json:"linked_branches"`
	HistoryBytes   int64      `json:"history_bytes"` // of the history in the database, compressed
	MirrorBytes    int64      `json:"mirror_bytes"`  // 0 until files are kept
	MirrorPath     *string    `json:"mirror_path"`   // null until files are kept
	Progress       *Progress  `json:"progress"`      // null unless a sync runs
}

// A LastError is why the last sync did not work.
type LastError struct {
	Code   string `json:"code"`
	Detail string `json:"detail"`
	Hint   string `json:"hint"`
	At     Time   `json:"at"`
}

// Progress is how far a running sync is.
type Progress struct {
	Stage   string `json:"stage"`
	Objects int64  `json:"objects"`
	Total   int64  `json:"total"` // 0 = not known yet
	Bytes   int64  `json:"bytes"`
	Commits int64  `json:"commits"`
}

// NewRepository is the body of POST /repositories.
type NewRepository struct {
	URL      string   `json:"url"`
	Host     string   `json:"host,omitempty"`
	Schedule string   `json:"schedule,omitempty"`
	Mirror   string   `json:"mirror,omitempty"`
	Projects []string `json:"projects,omitempty"`
}

// RepositoryPatch is the body of PATCH /repositories/{id}; what is absent stays.
type RepositoryPatch struct {
	Schedule  *string   `json:"schedule,omitempty"` // "" = the default of the config
	Mirror    *string   `json:"mirror,omitempty"`   // "" = the default of the config
	Projects  *[]string `json:"projects,omitempty"` // empty = issues.projects of the config
	Suspended *bool     `json:"suspended,omitempty"`
}

// Queued is the answer of a call that queues syncs.
type Queued struct {
	Status       string   `json:"status"`       // always "queued"
	Repositories []string `json:"repositories"` // ids; empty when all were queued
}

// Relink is the answer of POST /relink. Without a dry run only Status and DryRun
// are set: the work is queued.
type Relink struct {
	Status       string             `json:"status"` // "queued", or "done" for a dry run
	DryRun       bool               `json:"dry_run"`
	Added        int                `json:"added"`
	Removed      int                `json:"removed"`
	Repositories []RelinkRepository `json:"repositories"` // those with changes
	Truncated    bool               `json:"truncated"`    // there are more changes than are listed
}

// A RelinkRepository is what relinking would change in one repository.
type RelinkRepository struct {
	Repository   string         `json:"repository"`
	RepositoryID string         `json:"repository_id"`
	Added        int            `json:"added"`
	Removed      int            `json:"removed"`
	Changes      []RelinkChange `json:"changes"`
}

// A RelinkChange is one link that would come or go. Exactly one of Commit, Branch and
// PullRequest is set.
type RelinkChange struct {
	Key         string `json:"key"`
	Change      string `json:"change"`           // added or removed
	Commit      string `json:"commit,omitempty"` // hash
	Branch      string `json:"branch,omitempty"`
	PullRequest int64  `json:"pull_request,omitempty"` // its number
}
