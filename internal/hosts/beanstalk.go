package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// beanstalk is Beanstalk.
type beanstalk struct{}

func (beanstalk) Kind() string { return kindBeanstalk }

func (beanstalk) Verify(http.Header, []byte, Secret) error { return ErrSignature }

func (beanstalk) Parse(http.Header, []byte) (model.Push, error) {
	return model.Push{}, fmt.Errorf("not understood yet")
}

func (beanstalk) Links(string, model.Repo) model.Links { return model.Links{} }

func (beanstalk) Guide(Site) []Step { return nil }
