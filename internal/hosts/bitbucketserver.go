package hosts

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

// bitbucketServer is Bitbucket Data Center and Server.
// https://confluence.atlassian.com/bitbucketserver/event-payload-938025882.html
type bitbucketServer struct{}

const (
	serverDelivery = "X-Request-Id"
	serverPing     = "diagnostics:ping" // of the button "Test connection"
	serverPingBody = `{"test":true}`
)

// ErrUnsigned is wrapped, beside ErrIgnored, by what Parse says of a delivery that need
// not be signed: it proves nothing, so nothing of it is to be kept.
var ErrUnsigned = errors.New("the delivery need not be signed")

// A ping is answered and forgotten.
type ping struct{}

func (ping) Error() string   { return "ping" }
func (ping) Unwrap() []error { return []error{ErrIgnored, ErrUnsigned} }

func (bitbucketServer) Kind() string { return kindBitbucketServer }

// Verify checks X-Hub-Signature. "Test connection" signs nothing: its one body is taken
// without a signature, but not with a wrong one, and Parse makes nothing of it.
func (bitbucketServer) Verify(h http.Header, body []byte, secret Secret) error {
	if err := foreign(h, kindBitbucketServer); err != nil {
		return err
	}
	switch event, err := single(h, bucketEvent); {
	case err != nil:
		return err
	case len(h.Values(bucketDelivery)) > 0:
		return fmt.Errorf("%w: %s is that of Bitbucket Cloud", ErrSignature, bucketDelivery)
	case event == serverPing && len(h.Values(bucketSignature)) == 0 && !secret.Empty() && isPing(body):
		return nil
	}
	return verifyHub(h, bucketSignature, body, secret)
}

// isPing says whether the body is that of a ping, however it is spaced.
func isPing(body []byte) bool {
	return len(body) < 100 && string(bytes.Join(bytes.Fields(body), nil)) == serverPingBody
}

// Links are those of Data Center. Base has the context path, if there is one. A personal
// repository, of project ~name, is under users.
func (bitbucketServer) Links(base string, repo model.Repo) model.Links {
	project, slug, ok := strings.Cut(repo.Name, "/")
	if !ok || strings.Contains(slug, "/") {
		return model.Links{}
	}
	web := "{web}/projects/{project}/repos/{slug}"
	if user, personal := strings.CutPrefix(project, "~"); personal {
		web, project = "{web}/users/{project}/repos/{slug}", user
	} else {
		project = strings.ToUpper(project)
	}
	return webLinks(base, map[string]string{"project": project, "slug": slug}, model.Links{
		Repo:        web,
		Commit:      web + "/commits/{hash}",
		Branch:      web + "/browse?at=refs%2Fheads%2F{branch}",
		Tag:         web + "/browse?at=refs%2Ftags%2F{tag}",
		Compare:     web + "/compare/diff?sourceBranch={to}&targetBranch={from}",
		File:        web + "/browse/{path}?at={hash}[#{line}]",
		PullRequest: web + "/pull-requests/{number}",
	})
}

func (bitbucketServer) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "add the key under Repository settings or Project settings → Access keys, with the permission to read, or to a user that may read all repositories. " +
			"An administrator may have set that keys expire, which kinds of keys are taken, and how long they must be"
	case model.CodeNotFound:
		return "a Bitbucket access key reads one repository, or all of one project. Bitbucket answers the same for a repository that is not there and for one that the key may not read"
	case model.CodeUnreachable, model.CodeTimeout:
		return "Bitbucket Data Center answers SSH on port 7999 unless its administrator chose another, and only if SSH is switched on: copy the address from the button Clone → SSH"
	}
	return ""
}
