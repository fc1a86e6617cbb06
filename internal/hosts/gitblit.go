package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// gitblit is GitBlit.
type gitblit struct{}

func (gitblit) Kind() string { return kindGitBlit }

func (gitblit) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (gitblit) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (gitblit) Links(string, model.Repo) model.Links { return model.Links{} }

func (gitblit) Guide(Site) []Step { return nil }
