package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// bitbucket is Bitbucket Cloud.
type bitbucket struct{}

func (bitbucket) Kind() string { return kindBitbucket }

func (bitbucket) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (bitbucket) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (bitbucket) Links(string, model.Repo) model.Links { return model.Links{} }

func (bitbucket) Guide(Site) []Step { return nil }

func (bitbucket) service() (string, []string) {
	return "https://bitbucket.org", []string{"bitbucket.org", "altssh.bitbucket.org"}
}
