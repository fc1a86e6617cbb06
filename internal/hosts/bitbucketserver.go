package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// bitbucketServer is Bitbucket Data Center and Server.
type bitbucketServer struct{}

func (bitbucketServer) Kind() string { return kindBitbucketServer }

func (bitbucketServer) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (bitbucketServer) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (bitbucketServer) Links(string, model.Repo) model.Links { return model.Links{} }

func (bitbucketServer) Guide(Site) []Step { return nil }
