package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// gitea is Gitea, Forgejo and Gogs.
type gitea struct{}

func (gitea) Kind() string { return kindGitea }

func (gitea) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (gitea) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (gitea) Links(string, model.Repo) model.Links { return model.Links{} }

func (gitea) Guide(Site) []Step { return nil }
