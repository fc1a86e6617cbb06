package model

import "time"

// Mirror says how much of a repo is kept.
type Mirror string

// MirrorCommits keeps history alone; MirrorFull also files, once that stage exists.
const (
	MirrorCommits Mirror = "commits"
	MirrorFull    Mirror = "full"
)

// Source says who declared a repo.
type Source string

// The sources of a repo.
const (
	SourceConfig Source = "config"
	SourceAPI    Source = "api"
)

// A RepoSpec is what is wanted of a repo: an entry of the config or the body of
// an API call.
type RepoSpec struct {
	URL      string
	Host     string // name of the hosts entry, or a built-in kind; never empty in the store
	Schedule string // cron spec; "" = the default of the config
	Mirror   Mirror // "" = the default of the config
	Projects []string
	Source   Source
}

// A Repo is a repository on a host.
type Repo struct {
	RepoSpec
	ID            int64
	Name          string // as people say it, "acme/app": Identity.Name of its address
	HostID        string // the host's immutable id of it; "" = not known yet
	MovedTo       string // where a delivery saw it, as a clone URL that nobody confirmed yet; "" = nowhere else
	Suspended     bool
	DefaultBranch string // short; "" until the first sync
	CreatedAt     time.Time
}

// RepoState is the word that the API shows for a repo.
type RepoState string

// The states of a repo. Failing is retried by itself; attention needs a person.
const (
	StateNew       RepoState = "new"
	StateQueued    RepoState = "queued"
	StateSyncing   RepoState = "syncing"
	StateIdle      RepoState = "idle"
	StateFailing   RepoState = "failing"
	StateAttention RepoState = "attention"
	StateSuspended RepoState = "suspended"
)

// A RepoStatus is a repo with what is known of its syncs.
type RepoStatus struct {
	Repo
	State          RepoState
	LastSyncedAt   time.Time // zero = never
	NextSyncAt     time.Time // zero = none planned
	LastFailure    *Failure  // nil after a sync that worked
	FailedAt       time.Time
	Refs           int
	Commits        int // all, linked or not
	LinkedCommits  int
	LinkedBranches int
	HistoryBytes   int64     // compressed size of the history in the database
	Progress       *Progress // nil unless a sync runs
}

// Progress is how far a running sync is.
type Progress struct {
	Stage   string // "history"
	Objects int64  // received
	Total   int64  // that the server announced; 0 = not known yet
	Bytes   int64  // received
	Commits int64  // new commits read
}
