package webhook

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/model"
)

// retryAfter is what a host is asked to wait after a 503, in seconds.
const retryAfter = 5

// An answer is what a host gets back, and what is counted.
type answer struct {
	outcome Outcome
	status  int
	kind    string // content type
	body    any
}

const (
	typeJSON    = "application/json"
	typeProblem = "application/problem+json"
)

type acceptedBody struct {
	Delivery     string               `json:"delivery"`
	Status       model.DeliveryStatus `json:"status"`
	Repositories []string             `json:"repositories"`
}

type ignoredBody struct {
	Delivery string               `json:"delivery"`
	Status   model.DeliveryStatus `json:"status"`
	Reason   string               `json:"reason"`
}

// A problemBody is an error as RFC 9457 has it. Delivery names the record of a
// rejected one.
type problemBody struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Code     string `json:"code"`
	Detail   string `json:"detail,omitempty"`
	Delivery string `json:"delivery,omitempty"`
}

// maxNamed bounds the repositories that an answer names: a delivery that names none
// queues all of its host.
const maxNamed = 1000

func accepted(d model.Delivery) answer {
	repos := d.Repositories[:min(len(d.Repositories), maxNamed)]
	if repos == nil {
		repos = []string{}
	}
	return answer{Accepted, http.StatusAccepted, typeJSON, acceptedBody{d.ID, d.Status, repos}}
}

func ignored(d model.Delivery) answer {
	return answer{Ignored, http.StatusOK, typeJSON, ignoredBody{d.ID, model.DeliveryIgnored, d.Reason}}
}

// rejected is a delivery that was signed but is not understood.
func rejected(d model.Delivery) answer {
	a := problem(Rejected, http.StatusBadRequest, "delivery_not_understood", d.Reason)
	b := a.body.(problemBody)
	b.Delivery = d.ID
	a.body = b
	return a
}

func problem(o Outcome, status int, code, detail string) answer {
	return answer{o, status, typeProblem, problemBody{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
	}}
}

// unavailable asks the host to send again.
func unavailable(o Outcome, code, detail string) answer {
	return problem(o, http.StatusServiceUnavailable, code, detail)
}

// write sends the answer.
func (a answer) write(c echo.Context) error {
	b, err := json.Marshal(a.body)
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderCacheControl, "no-store")
	h.Set(echo.HeaderXContentTypeOptions, "nosniff")
	switch a.status {
	case http.StatusServiceUnavailable:
		h.Set(echo.HeaderRetryAfter, strconv.Itoa(retryAfter))
	case http.StatusMethodNotAllowed:
		h.Set(echo.HeaderAllow, http.MethodPost)
	case http.StatusRequestEntityTooLarge:
		h.Set(echo.HeaderConnection, "close") // the rest of the body is not read
	}
	return c.Blob(a.status, a.kind, append(b, '\n'))
}
