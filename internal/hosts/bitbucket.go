package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// bitbucket is Bitbucket Cloud.
// https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/
type bitbucket struct{}

const (
	bucketEvent     = "X-Event-Key"     // of both Bitbuckets
	bucketSignature = "X-Hub-Signature" // of both, and always SHA-256
	bucketHook      = "X-Hook-UUID"
	bucketDelivery  = "X-Request-UUID" // the same when it is sent again
	bucketOrigin    = "bitbucket.org"
)

func (bitbucket) Kind() string { return kindBitbucket }

// Verify checks X-Hub-Signature. Data Center signs in the same way, but has neither a hook's
// UUID nor a request's; its X-Request-Id tells nothing, for many proxies add one.
func (bitbucket) Verify(h http.Header, body []byte, secret Secret) error {
	if err := foreign(h, kindBitbucket); err != nil {
		return err
	}
	if h.Get(bucketHook) == "" && h.Get(bucketDelivery) == "" {
		return fmt.Errorf("%w: neither %s nor %s", ErrSignature, bucketHook, bucketDelivery)
	}
	return verifyHub(h, bucketSignature, body, secret)
}

// Links are those of bitbucket.org.
func (bitbucket) Links(base string, repo model.Repo) model.Links {
	return webLinks(base, named(repo), model.Links{
		Repo:        "{web}/{name}",
		Commit:      "{web}/{name}/commits/{hash}",
		Branch:      "{web}/{name}/branch/{branch}",
		Tag:         "{web}/{name}/commits/tag/{tag}",
		Compare:     "{web}/{name}/branches/compare/{to}%0D{from}",
		File:        "{web}/{name}/src/{hash}/{path}[#lines-{line}]",
		PullRequest: "{web}/{name}/pull-requests/{number}",
	})
}

func (bitbucket) service() (string, []string) {
	return "https://" + bucketOrigin, []string{bucketOrigin, "altssh.bitbucket.org"}
}

func (bitbucket) hint(code string) string {
	switch code {
	case model.CodeAuthFailed, model.CodeNotFound:
		return "a Bitbucket access key reads one repository, or all of one project: add the key under Repository settings or Project settings → Access keys of each, " +
			"or to a user that may read all of them. Bitbucket answers the same for a repository that is not there and for one that the key may not read; a renamed one has another address"
	case model.CodeUnreachable, model.CodeTimeout:
		return "where port 22 is closed, ssh://git@altssh.bitbucket.org:443/workspace/repository.git is the same repository on port 443"
	}
	return ""
}
