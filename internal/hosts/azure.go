package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// azure is Azure DevOps Services, Azure DevOps Server and TFS.
type azure struct{}

func (azure) Kind() string { return kindAzure }

func (azure) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (azure) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (azure) Links(string, model.Repo) model.Links { return model.Links{} }

func (azure) Guide(Site) []Step { return nil }

func (azure) service() (string, []string) {
	return "https://dev.azure.com", []string{"ssh.dev.azure.com", "vs-ssh.visualstudio.com"}
}
