package wire

// A Delivery is one POST of a host, as the delivery log shows it.
type Delivery struct {
	ID           string   `json:"id"`
	Host         string   `json:"host"`
	DeliveryID   string   `json:"delivery_id"` // the host's own; "" = it has none
	Event        string   `json:"event"`
	Repository   string   `json:"repository"` // that it names
	Status       string   `json:"status"`     // accepted, ignored or rejected
	Reason       string   `json:"reason"`
	Repositories []string `json:"repositories"` // names of those that it queued
	Everything   bool     `json:"everything"`   // it names no repository: any of the host may have changed
	Change       string   `json:"change"`       // what became of the repository itself: renamed, deleted or ""
	Was          string   `json:"was"`          // its name before it was renamed; "" = not told

	PullRequest *DeliveredPullRequest `json:"pull_request"` // that it tells of, or null

	ReceivedAt Time  `json:"received_at"`
	BodySize   int64 `json:"body_size"`
}

// A DeliveredPullRequest is a pull request as a delivery tells of it.
type DeliveredPullRequest struct {
	Number    int64  `json:"number"`
	Title     string `json:"title"`
	Status    string `json:"status"` // open, merged, declined, or removed
	Source    string `json:"source"`
	Target    string `json:"target"`
	UpdatedAt Time   `json:"updated_at"` // by the host's clock
}

// A DeliveryDetail is a delivery with all that is kept of it.
type DeliveryDetail struct {
	Delivery
	URLs []string    `json:"urls"` // that it names
	Refs []RefUpdate `json:"refs"` // hints: what changed is read from the repository
	Body *string     `json:"body"` // null: it was too long to be kept
}

// A RefUpdate is how a delivery says that a ref changed. A zero hash stands for
// "absent".
type RefUpdate struct {
	Ref string `json:"ref"`
	Old string `json:"old"`
	New string `json:"new"`
}
