package api

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// pingLimit is how long the database may take to answer a probe.
const pingLimit = 3 * time.Second

// readyFor is how long an answer of /readyz stands: a probe costs a write, and
// anyone may send one.
const readyFor = 200 * time.Millisecond

// readiness keeps the last answer of /readyz; its lock lets one probe at a time ask.
type readiness struct {
	mu    sync.Mutex
	until time.Time
	last  wire.Health
}

func (a *API) healthz(c echo.Context) error {
	return answer(c, http.StatusOK, wire.Health{Status: "ok"})
}

func (a *API) readyz(c echo.Context) error {
	h := a.health(c.Request().Context())
	status := http.StatusOK
	if h.Status != "ok" {
		status = http.StatusServiceUnavailable
		c.Response().Header().Set(echo.HeaderRetryAfter, "2")
	}
	return answer(c, status, h)
}

func (a *API) health(ctx context.Context) wire.Health {
	a.ready.mu.Lock()
	defer a.ready.mu.Unlock()
	if time.Now().Before(a.ready.until) {
		return a.ready.last
	}
	// One prober that hangs up must not make the others believe the worst.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pingLimit)
	defer cancel()
	checks := map[string]wire.Check{"database": a.checkDatabase(ctx), "key": a.checkKey(ctx)}
	h := wire.Health{Status: "ok", Checks: checks}
	for _, check := range checks {
		if !check.OK {
			h.Status = "unready"
		}
	}
	a.ready.last, a.ready.until = h, time.Now().Add(readyFor)
	return h
}

func (a *API) checkDatabase(ctx context.Context) wire.Check {
	if err := a.o.Database.Ping(ctx); err != nil {
		a.o.Log.Error("the database does not answer", zap.Error(err))
		return wire.Check{Detail: "the database does not answer; the log says more"}
	}
	return wire.Check{OK: true}
}

// checkKey tells a key that was never made from one that cannot be opened; why it
// cannot is for admins.
func (a *API) checkKey(ctx context.Context) wire.Check {
	_, err := a.o.Keys.Info(ctx)
	if err == nil {
		return wire.Check{OK: true}
	}
	if f := model.AsFailure(err); f.Code == model.CodeKeyMissing && f.Err == nil {
		return wire.Check{Detail: "there is no SSH key yet", Hint: makeKeyHint}
	}
	return wire.Check{Detail: "the SSH key cannot be loaded", Hint: "issuetrail key show"}
}

func (a *API) version(c echo.Context) error {
	return answer(c, http.StatusOK, a.o.Version)
}
