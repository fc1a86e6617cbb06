package model

import "time"

// A Push is what a delivery says: which repository rang the bell. Its refs are
// hints for people; what changed is read from the repository.
type Push struct {
	Event      string   // the host's word: "push", "Tag Push Hook"
	DeliveryID string   // the host's own; "" = it has none, and nothing is deduplicated
	RepoID     string   // the host's immutable id of the repository; "" = unknown
	RepoName   string   // "acme/app"
	URLs       []string // clone and web addresses that the delivery names
	Updates    []RefUpdate

	Change      RepoChange   `json:",omitempty"` // what became of the repository itself; "" = nothing
	Was         string       `json:",omitempty"` // its name before ChangeRenamed; "" = not told
	PullRequest *PullRequest `json:",omitempty"` // that the delivery tells of; it moves no ref then
	Everything  bool         `json:",omitempty"` // names no repository: any of the hosts entry may have changed
}

// A RepoChange is what a host says became of a repository.
type RepoChange string

// The changes. Renamed is also a transfer to another owner or project.
const (
	ChangeRenamed RepoChange = "renamed"
	ChangeDeleted RepoChange = "deleted"
)

// DeliveryStatus says what became of a delivery.
type DeliveryStatus string

// The statuses of a delivery. Accepted: stored and its repositories queued.
// Ignored: nothing to do. Rejected: signed, but not understood.
const (
	DeliveryAccepted DeliveryStatus = "accepted"
	DeliveryIgnored  DeliveryStatus = "ignored"
	DeliveryRejected DeliveryStatus = "rejected"
)

// A Delivery is one POST of a host that proved itself.
type Delivery struct {
	ID           string // ours, unique: what the answer and the API name
	Host         string // name of the hosts entry
	Push         Push
	Status       DeliveryStatus
	Reason       string   // why it was ignored or rejected
	Repositories []string // names of the repos that it queued
	Body         []byte   // as received; at most MaxKeptBody, else empty
	BodySize     int64    // bytes received
	ReceivedAt   time.Time
}

// MaxKeptBody is the size in bytes up to which a delivery's body is kept for
// the delivery log. A larger one is noted by its size alone.
const MaxKeptBody = 1 << 20
