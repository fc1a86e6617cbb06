// Package webhook is the front door: it reads a host's delivery, has it verified
// and parsed, hands it to the inbox, and answers. Nothing is parsed before the
// delivery proved itself, and nothing is answered 2xx before it is stored.
package webhook

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// An Inbox keeps deliveries. Its one implementation is *store.Store.
type Inbox interface {
	// Accept stores a delivery durably. One that comes with a Status is stored as
	// it is; any other is matched with repositories and queues them, or is ignored.
	// It comes back with ID, Status, Reason and Repositories.
	Accept(ctx context.Context, d model.Delivery) (model.Delivery, error)
}

// Options are what a Handler needs.
type Options struct {
	// Hosts finds the host and the secret of a name in the path, at each request,
	// so that a reload of the config works.
	Hosts func(name string) (hosts.Host, hosts.Secret, bool)
	Inbox Inbox
	Log   *zap.Logger // nil = none

	// For tests; zero is the default.
	Room time.Duration // how long a delivery waits for memory: 2 s
}

// A Handler receives deliveries.
type Handler struct {
	desk

	hosts func(name string) (hosts.Host, hosts.Secret, bool)
	room  *room
	stats stats
}

// New makes a Handler.
func New(o Options) *Handler {
	if o.Log == nil {
		o.Log = zap.NewNop()
	}
	if o.Room == 0 {
		o.Room = 2 * time.Second
	}
	return &Handler{desk: desk{o.Inbox, o.Log}, hosts: o.Hosts, room: newRoom(o.Room)}
}

// Register adds the routes /webhooks/:host and /webhooks/:host/:secret. A logger of
// requests must write the route, never the path: the path may hold a secret.
func (h *Handler) Register(e *echo.Echo) {
	e.Any("/webhooks/:host", h.Receive)
	e.Any("/webhooks/:host/:secret", h.Receive)
}

// Receive answers one delivery, as the table of webhook statuses in docs/hosts.md says.
func (h *Handler) Receive(c echo.Context) error {
	start := time.Now()
	a, host := h.receive(c)
	h.stats.count(host, a.outcome, time.Since(start))
	return a.write(c)
}

// receive gives the answer, and the name of the host if there is such a one.
func (h *Handler) receive(c echo.Context) (answer, string) {
	r := c.Request()
	if r.Method != http.MethodPost {
		return problem(WrongMethod, http.StatusMethodNotAllowed, "method_not_allowed", "a delivery is sent by POST"), ""
	}
	name := c.Param("host")
	host, secret, ok := h.hosts(name)
	if !ok {
		return problem(UnknownHost, http.StatusNotFound, "host_unknown", "no host of this name is configured"), ""
	}
	v, a := verifier(c, host, secret)
	if v == nil {
		return a, name
	}
	if a, ok := acceptable(r); !ok {
		return a, name
	}
	body, err := h.room.read(c.Response(), r)
	defer body.release()
	if err != nil {
		return unread(err), name
	}
	if err := guard(func() error { return v(r.Header, body.bytes) }); err != nil {
		h.logPanic(name, err)
		return problem(Unauthorized, http.StatusUnauthorized, "signature_invalid", ""), name
	}
	return h.accept(r, name, host, body.bytes), name
}

// verifier gives what proves a delivery of this host on this path, or the answer
// when there is no such path.
func verifier(c echo.Context, host hosts.Host, secret hosts.Secret) (func(http.Header, []byte) error, answer) {
	byPath, ok := host.(hosts.PathSecret)
	if !ok && c.Path() == "/webhooks/:host" {
		return func(h http.Header, body []byte) error { return host.Verify(h, body, secret) }, answer{}
	}
	if !ok {
		return nil, problem(UnknownHost, http.StatusNotFound, "not_found", "deliveries of this host go to /webhooks/ and the host's name, with nothing after it")
	}
	given := c.Param("secret")
	if r := c.Request().URL; r.RawPath != "" { // the router went by it, and left the escapes
		given, _ = url.PathUnescape(given)
	}
	return func(http.Header, []byte) error { return byPath.VerifyPath(given, secret) }, answer{}
}

// accept parses and stores a delivery that proved itself.
func (h *Handler) accept(r *http.Request, name string, host hosts.Host, body []byte) answer {
	d, keep := h.parse(name, host, r.Header, body)
	if !keep {
		return ignored(d)
	}
	stored, err := h.store(r.Context(), d)
	if err != nil {
		if d.Status == model.DeliveryRejected {
			return rejected(d) // to send it again would not help
		}
		return unavailable(NotStored, storeCode(err), "the delivery could not be stored")
	}
	switch stored.Status {
	case model.DeliveryAccepted:
		return accepted(stored)
	case model.DeliveryRejected:
		return rejected(stored)
	default:
		return ignored(stored)
	}
}
