package api

import (
	"errors"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

func (a *API) listDeliveries(c echo.Context) error {
	limit, cursor, err := page(c)
	if err != nil {
		return err
	}
	found, next, err := a.o.Deliveries.Deliveries(c.Request().Context(), c.QueryParam("host"), limit, cursor)
	if err != nil {
		return err
	}
	items := make([]wire.Delivery, len(found))
	for i, d := range found {
		items[i] = wireDelivery(d)
	}
	return list(c, items, next)
}

func (a *API) getDelivery(c echo.Context) error {
	id := param(c, "id")
	d, err := a.o.Deliveries.Delivery(c.Request().Context(), id)
	if err != nil {
		return deliveryError(id, err)
	}
	return answer(c, http.StatusOK, wireDeliveryDetail(d))
}

// redeliver rings the bell of an old delivery again.
func (a *API) redeliver(c echo.Context) error {
	id := param(c, "id")
	d, err := a.o.Deliveries.Redeliver(c.Request().Context(), id)
	if err != nil {
		return deliveryError(id, err)
	}
	return answer(c, http.StatusAccepted, wireDelivery(d))
}

func deliveryError(id string, err error) error {
	if errors.Is(err, model.ErrNotFound) {
		return notFound("there is no delivery %.80q", id)
	}
	return err
}

func wireDelivery(d model.Delivery) wire.Delivery {
	repos := d.Repositories
	if repos == nil {
		repos = []string{}
	}
	out := wire.Delivery{
		ID: d.ID, Host: d.Host, DeliveryID: d.Push.DeliveryID, Event: d.Push.Event, Repository: d.Push.RepoName,
		Status: string(d.Status), Reason: d.Reason, Repositories: repos,
		Everything: d.Push.Everything, Change: string(d.Push.Change), Was: d.Push.Was,
		ReceivedAt: wire.At(d.ReceivedAt), BodySize: d.BodySize,
	}
	if p := d.Push.PullRequest; p != nil {
		out.PullRequest = &wire.DeliveredPullRequest{
			Number: p.Number, Title: p.Title, Status: string(p.Status), Source: p.Source, Target: p.Target, UpdatedAt: wire.At(p.UpdatedAt),
		}
	}
	return out
}

func wireDeliveryDetail(d model.Delivery) wire.DeliveryDetail {
	out := wire.DeliveryDetail{Delivery: wireDelivery(d), URLs: d.Push.URLs, Refs: make([]wire.RefUpdate, len(d.Push.Updates))}
	if out.URLs == nil {
		out.URLs = []string{}
	}
	for i, u := range d.Push.Updates {
		out.Refs[i] = wire.RefUpdate{Ref: u.Name, Old: u.Old.String(), New: u.New.String()}
	}
	if len(d.Body) > 0 || d.BodySize == 0 {
		body := strings.ToValidUTF8(string(d.Body), "\uFFFD")
		out.Body = &body
	}
	return out
}
