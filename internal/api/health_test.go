package api

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"issuetrail/internal/api/wire"
)

func TestReady(t *testing.T) {
	s := newStage(t)
	get := func(path string) answered { return s.call(s.request("GET", path, "", "")) }
	if h := as[wire.Health](get("/healthz").ok(http.StatusOK)); h.Status != "ok" {
		t.Error(h)
	}
	a := get("/readyz").ok(http.StatusServiceUnavailable)
	h := as[wire.Health](a)
	if h.Status != "unready" || !h.Checks["database"].OK || h.Checks["key"].OK || h.Checks["key"].Hint != "issuetrail key generate" || a.Header.Get("Retry-After") == "" {
		t.Errorf("%+v", h)
	}
	s.do("POST", Prefix+"/key/generate", "").ok(http.StatusOK)
	s.api.ready.until = time.Time{} // the answer before is believed for a moment
	if h := as[wire.Health](get("/readyz").ok(http.StatusOK)); h.Status != "ok" {
		t.Errorf("%+v", h)
	}
}

type pings struct {
	n   int
	err error
}

func (p *pings) Ping(ctx context.Context) error {
	p.n++
	if p.err != nil {
		return p.err
	}
	return ctx.Err()
}

// TestProbesAreCheap: many probes cost one write, and a prober that hangs up spoils nothing.
func TestProbesAreCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, out := &pings{}, newOutside()
		if _, err := out.Generate(t.Context(), 0); err != nil {
			t.Fatal(err)
		}
		a := New(Options{Database: p, Keys: out, Log: zap.NewNop()})
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		for range 100 {
			if h := a.health(gone); h.Status != "ok" {
				t.Fatal(h)
			}
		}
		if p.n != 1 {
			t.Errorf("%d pings", p.n)
		}
		p.err = errors.New("with a secret")
		time.Sleep(readyFor)
		if h := a.health(t.Context()); h.Status != "unready" || h.Checks["database"].Detail != "the database does not answer; the log says more" {
			t.Error(h)
		}
	})
}
