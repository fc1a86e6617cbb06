package api

import (
	_ "embed"
	"net/http"

	"github.com/labstack/echo/v4"
)

// openapiJSON is made from openapi.yaml; a test holds the two together.
//
//go:generate go test -run TestDescriptionIsGenerated -update
//go:embed openapi.json
var openapiJSON []byte

func (a *API) openapi(c echo.Context) error {
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, openapiJSON)
}
