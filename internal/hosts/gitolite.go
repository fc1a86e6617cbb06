package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// gitolite is Gitolite.
type gitolite struct{}

func (gitolite) Kind() string { return kindGitolite }

func (gitolite) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (gitolite) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (gitolite) Links(string, model.Repo) model.Links { return model.Links{} }

func (gitolite) Guide(Site) []Step { return nil }
