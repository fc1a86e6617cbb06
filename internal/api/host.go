package api

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/model"
)

// listHosts lists the entries of hosts, in the order of the config.
func (a *API) listHosts(c echo.Context) error {
	found, err := a.o.Hosts.Hosts(c.Request().Context())
	if err != nil {
		return err
	}
	return list(c, found, "")
}

// hostGuide says how to connect a host: that of an entry, or of a kind that has none.
func (a *API) hostGuide(c echo.Context) error {
	name := param(c, "name")
	guide, err := a.o.Hosts.HostGuide(c.Request().Context(), name)
	if errors.Is(err, model.ErrNotFound) {
		p := notFound("no entry of hosts is named %.80q, and it is no kind of host", name)
		p.Hint = "issuetrail host list"
		return p
	}
	if err != nil {
		return err
	}
	return answer(c, http.StatusOK, guide)
}
