package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// gerrit is Gerrit Code Review.
type gerrit struct{}

func (gerrit) Kind() string { return kindGerrit }

func (gerrit) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (gerrit) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (gerrit) Links(string, model.Repo) model.Links { return model.Links{} }

func (gerrit) Guide(Site) []Step { return nil }
