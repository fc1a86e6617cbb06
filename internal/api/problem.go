package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/labstack/echo/v4"
	"go.uber.org/zap"

	"issuetrail/internal/api/wire"
	"issuetrail/internal/model"
)

// codeDatabase is the code of every call while the database is away.
const codeDatabase = "database_unavailable"

// problem makes the error that a handler returns; ErrorHandler writes it.
func problem(status int, code, format string, args ...any) *wire.Problem {
	return &wire.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status,
		Code: code, Detail: fmt.Sprintf(format, args...),
	}
}

// hinted is a problem with the command or the call that mends it.
func hinted(status int, code, hint, format string, args ...any) *wire.Problem {
	p := problem(status, code, format, args...)
	p.Hint = hint
	return p
}

func notFound(format string, args ...any) *wire.Problem {
	return problem(http.StatusNotFound, "not_found", format, args...)
}

// ErrorHandler writes every error of an echo server as RFC 9457, its own ones
// (no such route, wrong method) too, and logs those that are our fault. It fits
// echo.Echo.HTTPErrorHandler.
func ErrorHandler(log *zap.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		p := asProblem(err)
		if p.Status >= 500 && c.Request().Context().Err() == nil {
			log.Error("request failed", zap.String("method", c.Request().Method),
				zap.String("route", c.Path()), zap.String("code", p.Code), zap.Error(err))
		}
		if c.Response().Committed {
			return
		}
		if err := writeProblem(c, p); err != nil {
			log.Debug("answer not written", zap.Error(err))
		}
	}
}

func writeProblem(c echo.Context, p *wire.Problem) error {
	if p.Status == http.StatusServiceUnavailable {
		c.Response().Header().Set(echo.HeaderRetryAfter, "10")
	}
	b, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("write problem: %w", err)
	}
	c.Response().Header().Set(echo.HeaderCacheControl, "no-store")
	c.Response().Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
	return c.Blob(p.Status, "application/problem+json", append(b, '\n'))
}

// asProblem says what a client gets to see of err. What is our fault is told by
// its code alone: the log has the rest.
func asProblem(err error) *wire.Problem {
	var p *wire.Problem
	var he *echo.HTTPError
	var tooLarge *http.MaxBytesError
	var f *model.Failure
	switch {
	case errors.As(err, &p):
		return p
	case errors.As(err, &tooLarge):
		return problem(http.StatusRequestEntityTooLarge, "body_too_large", "the body is longer than %d bytes", tooLarge.Limit)
	case errors.As(err, &he):
		return echoProblem(he)
	case errors.Is(err, model.ErrNotFound):
		return notFound("there is no such object")
	case errors.Is(err, model.ErrExists):
		return problem(http.StatusConflict, "exists", "there is one already")
	case errors.Is(err, model.ErrUnavailable):
		return hinted(http.StatusServiceUnavailable, codeDatabase, "try again soon: issuetrail goes on by itself once the database answers",
			"the database cannot be reached")
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return problem(http.StatusServiceUnavailable, model.CodeTimeout, "the request took too long")
	case errors.As(err, &f) && f.Code != model.CodeInternal:
		return failureProblem(f)
	}
	return problem(http.StatusInternalServerError, model.CodeInternal, "a fault of issuetrail; its log says more")
}

// failureProblem tells of a Failure where a call cannot do its work because of it.
func failureProblem(f *model.Failure) *wire.Problem {
	status := http.StatusUnprocessableEntity
	switch {
	case f.Code == model.CodeDiskFull:
		status = http.StatusServiceUnavailable
	case f.Code == model.CodeTimeout, f.Code == model.CodeUnreachable, f.Code == model.CodeProtocol:
		status = http.StatusBadGateway
	case strings.HasPrefix(f.Code, "managed_by_"):
		status = http.StatusConflict
	}
	return hinted(status, f.Code, f.Hint, "%s", f.Detail)
}

// echoProblem gives echo's own errors stable codes.
func echoProblem(he *echo.HTTPError) *wire.Problem {
	switch he.Code {
	case http.StatusNotFound:
		return notFound("there is no such page or call")
	case http.StatusMethodNotAllowed:
		return problem(he.Code, "method_not_allowed", "this method is not allowed here")
	case http.StatusRequestEntityTooLarge:
		return problem(he.Code, "body_too_large", "the body is too long")
	case http.StatusInternalServerError:
		return problem(he.Code, model.CodeInternal, "a fault of issuetrail; its log says more")
	}
	return problem(he.Code, fmt.Sprintf("http_%d", he.Code), "%v", he.Message)
}
