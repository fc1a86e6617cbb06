package api

import (
	"context"
	"crypto/sha256"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"issuetrail/internal/model"
)

// access says who may make a call.
type access int

const (
	public access = iota // anyone, without a token
	viewer               // any token
	admin                // an admin's token, or the control socket
)

type trustKey struct{}

// Trust marks the connections of the control socket: a request whose context comes
// from ctx is an admin's. Who may open the socket is decided by its file mode.
// It is for http.Server.ConnContext or BaseContext of that server alone.
func Trust(ctx context.Context) context.Context { return context.WithValue(ctx, trustKey{}, true) }

// Trusted says whether ctx comes from Trust.
func Trusted(ctx context.Context) bool { return ctx.Value(trustKey{}) != nil }

// guard lets h answer only those who may make the call, and only what is text.
func (a *API) guard(need access, h echo.HandlerFunc) echo.HandlerFunc {
	if need == public {
		return h
	}
	return func(c echo.Context) error {
		role, err := a.role(c)
		if err != nil {
			return err
		}
		if need == admin && role != model.RoleAdmin {
			return problem(http.StatusForbidden, "forbidden", "a viewer may only read; this call needs the role admin")
		}
		if err := plain(c); err != nil {
			return err
		}
		err = h(c)
		if a.o.ErrCursor != nil && errors.Is(err, a.o.ErrCursor) {
			return badCursor()
		}
		return err
	}
}

// role says who calls: by the socket, else by the bearer token.
func (a *API) role(c echo.Context) (model.Role, error) {
	r := c.Request()
	if Trusted(r.Context()) {
		return model.RoleAdmin, nil
	}
	header := r.Header.Get(echo.HeaderAuthorization)
	if header == "" {
		// A browser never sends a bearer token by itself: only what comes without
		// one can be another site's doing.
		if err := a.crossOrigin.Check(r); err != nil {
			return "", problem(http.StatusForbidden, "cross_origin", "the request comes from another site")
		}
		return "", unauthorized(c, "", "this call needs a token: Authorization: Bearer TOKEN")
	}
	scheme, token, _ := strings.Cut(header, " ")
	if !strings.EqualFold(scheme, "Bearer") || !wellFormed(token) {
		return "", unauthorized(c, `, error="invalid_token"`, "the Authorization header holds no token of issuetrail")
	}
	t, err := a.tokens.find(r.Context(), token)
	if errors.Is(err, model.ErrNotFound) {
		return "", unauthorized(c, `, error="invalid_token"`, "the token is not valid, or was revoked")
	}
	return t.Role, err
}

func unauthorized(c echo.Context, more, detail string) error {
	c.Response().Header().Set(echo.HeaderWWWAuthenticate, `Bearer realm="issuetrail"`+more)
	return hinted(http.StatusUnauthorized, "unauthorized",
		"make a token with: issuetrail token create NAME --role viewer", "%s", detail)
}

// cacheFor is how long a token found in the database is believed without asking
// again. A revocation through this node works at once.
const cacheFor = 5 * time.Second

// A tokenCache keeps the database out of the way of a client that asks often.
// Tokens are found by their hash, so that nothing is compared byte by byte.
type tokenCache struct {
	store Tokens
	mu    sync.Mutex
	known map[[32]byte]cachedToken
	turn  int // counts revocations: what was looked up before one is not kept
}

type cachedToken struct {
	model.Token
	until time.Time
}

func (tc *tokenCache) find(ctx context.Context, token string) (model.Token, error) {
	hash := sha256.Sum256([]byte(token))
	now := time.Now()
	tc.mu.Lock()
	hit, ok := tc.known[hash]
	turn := tc.turn
	tc.mu.Unlock()
	if ok && now.Before(hit.until) {
		return hit.Token, nil
	}
	t, err := tc.store.TokenByHash(ctx, hash)
	if err != nil {
		return model.Token{}, err
	}
	tc.mu.Lock()
	defer tc.mu.Unlock()
	if tc.turn == turn {
		if len(tc.known) >= 1000 {
			clear(tc.known)
		}
		tc.known[hash] = cachedToken{t, now.Add(cacheFor)}
	}
	return t, nil
}

// forget empties the cache; it is called after a revocation.
func (tc *tokenCache) forget() {
	tc.mu.Lock()
	defer tc.mu.Unlock()
	clear(tc.known)
	tc.turn++
}
