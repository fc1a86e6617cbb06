package model

import "time"

// Priority orders waiting jobs; the lower one is claimed first.
type Priority int

// The priorities, by what rang.
const (
	PriorityWebhook  Priority = 10
	PriorityManual   Priority = 20
	PrioritySchedule Priority = 30
	PriorityBackfill Priority = 40 // catch-up after downtime, first index, relink
)

// A Job is a queued or running sync of one repo. At most one waits and one runs
// for each repo.
type Job struct {
	ID         int64
	RepoID     int64
	Priority   Priority
	Fetch      bool // talk to the server; without it the job only makes the links anew
	Attempt    int  // tries so far, this one included; 1 = first. Part of the fence
	Node       string
	LeaseUntil time.Time
	RunAt      time.Time
	CreatedAt  time.Time
}
