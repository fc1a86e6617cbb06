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
	ReceivedAt   Time     `json:"received_at"`
	BodySize     int64    `json:"body_size"`
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
