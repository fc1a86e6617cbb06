package api

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"issuetrail/internal/model"
)

// rest is what a slowTokens has no need of.
type rest interface{ Tokens }

// A slowTokens answers look-ups when it is let to.
type slowTokens struct {
	rest
	asked int
	gone  bool
	hold  chan struct{} // nil = answer at once
}

func (s *slowTokens) TokenByHash(context.Context, [32]byte) (model.Token, error) {
	s.asked++
	if s.gone {
		return model.Token{}, model.ErrNotFound
	}
	if s.hold != nil {
		<-s.hold
	}
	return model.Token{Name: "t", Role: model.RoleAdmin}, nil
}

func TestTokensAreCachedForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &slowTokens{}
		cache := &tokenCache{store: st, known: map[[32]byte]cachedToken{}}
		for range 10 {
			if _, err := cache.find(t.Context(), "x"); err != nil {
				t.Fatal(err)
			}
		}
		if st.asked != 1 {
			t.Errorf("asked %d times", st.asked)
		}
		time.Sleep(cacheFor)
		st.gone = true // another node revoked it
		if _, err := cache.find(t.Context(), "x"); !errors.Is(err, model.ErrNotFound) {
			t.Error(err)
		}
	})
}

// TestRevocationOvertakesALookUp: what was read before a revocation is not kept after it.
func TestRevocationOvertakesALookUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := &slowTokens{hold: make(chan struct{})}
		cache := &tokenCache{store: st, known: map[[32]byte]cachedToken{}}
		done := make(chan error)
		go func() {
			_, err := cache.find(t.Context(), "x")
			done <- err
		}()
		synctest.Wait() // it is in the database
		cache.forget()
		close(st.hold)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		st.gone = true
		if _, err := cache.find(t.Context(), "x"); !errors.Is(err, model.ErrNotFound) {
			t.Error("a revoked token works on:", err)
		}
	})
}
