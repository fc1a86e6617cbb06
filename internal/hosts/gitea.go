package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// gitea is Gitea, Forgejo and Gogs.
// https://docs.gitea.com/usage/webhooks, https://forgejo.org/docs/latest/user/webhooks/
type gitea struct{}

// teaFamilies name the headers: Forgejo sends those of all three, Gitea the last two.
var teaFamilies = []string{"X-Forgejo-", "X-Gitea-", "X-Gogs-"}

func (gitea) Kind() string { return kindGitea }

// Verify checks the bare hexadecimal HMAC-SHA256 of X-Gitea-Signature or its sisters.
// Of a form they sign what the field payload holds, not the body.
func (gitea) Verify(h http.Header, body []byte, secret Secret) error {
	family := teaFamily(h)
	if family == "" {
		return fmt.Errorf("%w: neither X-Gitea-Event nor X-Forgejo-Event nor X-Gogs-Event", ErrSignature)
	}
	if err := foreign(h, kindGitea); err != nil {
		return err
	}
	value, err := single(h, family+"Signature")
	if err != nil {
		return err
	}
	text, err := payload(h, body)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return verifyHex(value, family+"Signature", text, secret)
}

func (gitea) Parse(h http.Header, body []byte) (model.Push, error) {
	family := teaFamily(h)
	if family == "" {
		return model.Push{}, fmt.Errorf("there is no X-Gitea-Event header")
	}
	return parseHub(label(model.Push{Event: h.Get(family + "Event"), DeliveryID: h.Get(family + "Delivery")}), h, body)
}

// teaFamily gives the prefix of the headers to go by, or "".
func teaFamily(h http.Header) string {
	for _, f := range teaFamilies {
		if h.Get(f+"Event") != "" {
			return f
		}
	}
	return ""
}

// Links are those of Gitea and Forgejo. Gogs leaves "branch" and "commit" out behind
// "/src", which templates of the config say.
func (gitea) Links(base string, repo model.Repo) model.Links {
	return webLinks(base, named(repo), model.Links{
		Repo:        "{web}/{name}",
		Commit:      "{web}/{name}/commit/{hash}",
		Branch:      "{web}/{name}/src/branch/{branch}",
		Tag:         "{web}/{name}/src/tag/{tag}",
		Compare:     "{web}/{name}/compare/{from}...{to}",
		File:        "{web}/{name}/src/commit/{hash}/{path}[#L{line}]",
		PullRequest: "{web}/{name}/pulls/{number}",
	})
}
