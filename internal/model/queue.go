package model

import "time"

// A Request asks for a sync of one repo. Requests for a repo that has a waiting
// job merge into it.
type Request struct {
	RepoID   int64
	Priority Priority
	Fetch    bool      // talk to the server; false only for a relink
	RunAt    time.Time // not before; zero = now
}

// ClaimOptions say which job a node may take.
type ClaimOptions struct {
	Node    string        // unique name of the running daemon
	Lease   time.Duration // until which the job is ours unless renewed
	PerHost int           // running jobs allowed against one SSH host:port; 0 = no limit
	Skip    []string      // SSH servers, "host:port", that get no job now
}

// A Claimed job comes with what its sync needs to know of the repo.
type Claimed struct {
	Job
	Repo     Repo
	Digest   [32]byte // of the ref list that was recorded last; zero = none yet
	Rules    string   // fingerprint of the link rules that the links were made with
	Failures int      // syncs that failed in a row, before this one
	Indexed  bool     // a sync of this repo was recorded before: this is no first index
}

// A RepoPatch changes settings of a repo; nil leaves one as it is.
type RepoPatch struct {
	Schedule  *string
	Mirror    *Mirror
	Projects  *[]string
	Suspended *bool
}

// An IssueQuery says which part of an issue is wanted.
type IssueQuery struct {
	Unreachable bool // also commits that no followed ref reaches any more
	Limit       int  // commits; 0 = 100
	Cursor      string
}

// Stats are counts over the whole store, for metrics.
type Stats struct {
	Repos         map[RepoState]int
	JobsWaiting   int
	JobsRunning   int
	OldestWaiting time.Time // run_at of the oldest job that is due; zero = none
	Deliveries    int64     // in the log, about: PostgreSQL also counts those seen before
	Links         int64     // commits and branches that are linked; one of two keys is one
}
