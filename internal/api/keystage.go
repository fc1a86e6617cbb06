package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// stageKey takes in a private key, or makes one, that is tried out before it logs in.
func (a *API) stageKey(c echo.Context) error {
	var in wire.StageKey
	if c.Request().ContentLength != 0 {
		if err := decode(c, &in, maxKeyBody); err != nil {
			return err
		}
	}
	if err := checkBits(in.Bits); err != nil {
		return err
	}
	ctx := c.Request().Context()
	if in.PrivateKey == "" {
		if in.Passphrase != "" {
			return problem(http.StatusUnprocessableEntity, "key_unreadable", "there is a passphrase, and private_key is empty")
		}
		info, err := a.o.Keys.StageNew(ctx, in.Bits)
		if err != nil {
			return keyError(err)
		}
		return answer(c, http.StatusOK, KeptKey(info))
	}
	if in.Bits != 0 {
		return problem(http.StatusUnprocessableEntity, "bits_invalid", "bits is for a key that is made here; the one in private_key has its size")
	}
	info, from, err := a.o.Keys.Stage(ctx, []byte(in.PrivateKey), []byte(in.Passphrase))
	if err != nil {
		return keyError(err)
	}
	out := KeptKey(info)
	out.ConvertedFrom = &from
	return answer(c, http.StatusOK, out)
}

// activateKey has the staged key log in from now on; the one that did stays as the previous one.
func (a *API) activateKey(c echo.Context) error {
	info, err := a.o.Keys.Activate(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	return a.answerKey(c, info, nil)
}

// rollbackKey has the previous key log in again.
func (a *API) rollbackKey(c echo.Context) error {
	info, err := a.o.Keys.Rollback(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	return a.answerKey(c, info, nil)
}

// dropKey forgets the key of a role.
func (a *API) dropKey(role model.KeyRole) echo.HandlerFunc {
	return func(c echo.Context) error {
		if err := a.o.Keys.Drop(c.Request().Context(), role); err != nil {
			return keyError(err)
		}
		return c.NoContent(http.StatusNoContent)
	}
}

// rewrapKey seals the keys anew, under another master key.
func (a *API) rewrapKey(c echo.Context) error {
	n, note, err := a.o.Keys.Rewrap(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	return answer(c, http.StatusOK, wire.Rewrap{Keys: n, Note: note})
}

// listKeyChecks says of each repository whether its server takes the staged key.
func (a *API) listKeyChecks(c echo.Context) error {
	limit, cursor, err := page(c)
	if err != nil {
		return err
	}
	items, next, err := a.o.KeyWatch.Checks(c.Request().Context(), limit, cursor)
	if err != nil {
		return err
	}
	return list(c, items, next)
}

// tryKey has the servers tried now; what comes of it is in the status and the checks.
func (a *API) tryKey(c echo.Context) error {
	at, err := a.o.KeyWatch.CheckNow(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	return answer(c, http.StatusAccepted, wire.Checking{Status: "checking", AskedAt: wire.At(at)})
}

func (a *API) keyStatus(c echo.Context) error {
	out, err := a.o.KeyWatch.Status(c.Request().Context())
	if err != nil {
		return keyError(err)
	}
	return answer(c, http.StatusOK, out)
}
