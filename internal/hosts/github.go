package hosts

import (
	"fmt"
	"net/http"
	"strings"

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

// A hubRepository is a repository in the shape that GitHub gave the world.
type hubRepository struct {
	ID       ident  `json:"id"`
	FullName string `json:"full_name"`
	Name     string `json:"name"`
	SSHURL   string `json:"ssh_url"`
	CloneURL string `json:"clone_url"`
	GitURL   string `json:"git_url"`
	HTMLURL  string `json:"html_url"`
	URL      string `json:"url"`
}

// A hubPush is a push event; create and delete have RefType, a short Ref and no hash.
type hubPush struct {
	Ref        string        `json:"ref"`
	RefType    string        `json:"ref_type"`
	Before     string        `json:"before"`
	After      string        `json:"after"`
	Repository hubRepository `json:"repository"`
}

// parseHub reads the body of an event in GitHub's shape.
func parseHub(p model.Push, h http.Header, body []byte) (model.Push, error) {
	switch p.Event {
	case "push", "create", "delete":
	case "ping":
		return p, ignore("ping")
	default:
		return p, ignore("the event %q moves no ref", p.Event)
	}
	text, err := payload(h, body)
	if err != nil {
		return p, err
	}
	var in hubPush
	if err := decode(text, &in); err != nil {
		return p, err
	}
	ref, err := in.fullRef(p.Event)
	if err != nil {
		return p, err
	}
	p = in.Repository.name(p)
	if ref != "" {
		p.Updates = []model.RefUpdate{update(ref, in.Before, in.After)}
	}
	return finish(p)
}

func (r hubRepository) name(p model.Push) model.Push {
	p.RepoID, p.RepoName = string(r.ID), r.FullName
	if p.RepoName == "" {
		p.RepoName = r.Name
	}
	p.URLs = []string{r.SSHURL, r.CloneURL, r.GitURL, r.HTMLURL}
	if r.SSHURL == "" && r.CloneURL == "" {
		p.URLs = append(p.URLs, r.URL) // on GitHub it is the API's, elsewhere all there is
	}
	return p
}

// fullRef gives the full name of the ref; "" where a push names none, which
// rings the bell all the same.
func (in hubPush) fullRef(event string) (string, error) {
	if event == "push" || in.Ref == "" || strings.HasPrefix(in.Ref, "refs/") {
		return in.Ref, nil
	}
	switch in.RefType {
	case "branch":
		return model.HeadPrefix + in.Ref, nil
	case "tag":
		return model.TagPrefix + in.Ref, nil
	}
	return "", fmt.Errorf("ref_type is neither branch nor tag")
}

func (github) service() (string, []string) {
	return "https://github.com", []string{"github.com", "ssh.github.com"}
}

func (github) Guide(Site) []Step { return nil }
