package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// github is github.com and GitHub Enterprise Server.
// https://docs.github.com/webhooks/webhook-events-and-payloads
type github struct{}

const (
	hubEvent     = "X-GitHub-Event"
	hubDelivery  = "X-GitHub-Delivery" // the same on a redelivery
	hubSignature = "X-Hub-Signature-256"
)

func (github) Kind() string { return kindGitHub }

// Verify checks X-Hub-Signature-256. The SHA-1 header beside it is not looked at.
func (github) Verify(h http.Header, body []byte, secret Secret) error {
	if err := foreign(h, kindGitHub); err != nil {
		return err
	}
	return verifyHub(h, hubSignature, body, secret)
}

func (github) Parse(h http.Header, body []byte) (model.Push, error) {
	p := label(model.Push{Event: h.Get(hubEvent), DeliveryID: h.Get(hubDelivery)})
	if p.Event == "" {
		return p, fmt.Errorf("there is no %s header", hubEvent)
	}
	return parseHub(p, h, body)
}

// Links are those of github.com; Enterprise Server has the same under its own base.
func (github) Links(base string, repo model.Repo) model.Links {
	return webLinks(base, named(repo), model.Links{
		Repo:        "{web}/{name}",
		Commit:      "{web}/{name}/commit/{hash}",
		Branch:      "{web}/{name}/tree/{branch}",
		Tag:         "{web}/{name}/releases/tag/{tag}",
		Compare:     "{web}/{name}/compare/{from}...{to}",
		File:        "{web}/{name}/blob/{hash}/{path}[#L{line}]",
		PullRequest: "{web}/{name}/pull/{number}",
	})
}

func (github) service() (string, []string) {
	return "https://github.com", []string{"github.com", "ssh.github.com"}
}
