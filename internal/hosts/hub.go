package hosts

import (
	"fmt"
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

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

// A hubPush is a push event; create and delete have RefType and no hash but
// Gitea's SHA of what was created. Their Ref is short, or full with Gogs.
type hubPush struct {
	Ref        string        `json:"ref"`
	RefType    string        `json:"ref_type"`
	Before     string        `json:"before"`
	After      string        `json:"after"`
	SHA        string        `json:"sha"`
	Repository hubRepository `json:"repository"`
}

// parseHub reads the body of an event in GitHub's shape, by the word of p.Event.
func parseHub(p model.Push, h http.Header, body []byte) (model.Push, error) {
	var read func(model.Push, []byte) (model.Push, error)
	switch p.Event {
	case "push", "create", "delete":
		read = hubRefs
	case "repository":
		read = hubChange
	case "pull_request", "pull_request_sync":
		read = hubPull
	case "ping":
		return p, ignore("ping")
	case "meta":
		return p, ignore("the webhook was deleted or changed at the host")
	default:
		return p, ignore("the event %q moves no ref", p.Event)
	}
	text, err := payload(h, body)
	if err != nil {
		return p, err
	}
	return read(p, text)
}

func hubRefs(p model.Push, body []byte) (model.Push, error) {
	var in hubPush
	if err := decode(body, &in); err != nil {
		return p, err
	}
	ref, err := in.fullRef(p.Event)
	if err != nil {
		return p, err
	}
	p = in.Repository.name(p)
	if in.After == "" && p.Event == "create" {
		in.After = in.SHA
	}
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

// A hubRepositoryEvent tells what became of a repository.
type hubRepositoryEvent struct {
	Action     string        `json:"action"`
	Repository hubRepository `json:"repository"`
	Changes    struct {
		Repository struct {
			Name struct {
				From string `json:"from"`
			} `json:"name"`
		} `json:"repository"`
		Owner struct {
			From struct {
				User         hubLogin `json:"user"`
				Organization hubLogin `json:"organization"`
			} `json:"from"`
		} `json:"owner"`
	} `json:"changes"`
}

type hubLogin struct {
	Login string `json:"login"`
}

func hubChange(p model.Push, body []byte) (model.Push, error) {
	var in hubRepositoryEvent
	if err := decode(body, &in); err != nil {
		return p, err
	}
	switch in.Action {
	case "renamed", "transferred":
		p.Change, p.Was = model.ChangeRenamed, in.was()
	case "deleted":
		p.Change = model.ChangeDeleted
	case "":
		return p, fmt.Errorf("the repository event has no action")
	default:
		return p, ignore("the repository was %.60q; that moves no ref", in.Action)
	}
	return finish(in.Repository.name(p))
}

// was gives the full name before a rename or a transfer; "" where it is not told.
func (in hubRepositoryEvent) was() string {
	owner, name, ok := strings.Cut(in.Repository.FullName, "/")
	old, from := in.Changes.Repository.Name.From, in.Changes.Owner.From
	login := from.User.Login
	if login == "" {
		login = from.Organization.Login
	}
	switch {
	case !ok || old == "" && login == "":
		return ""
	case login == "":
		return owner + "/" + old
	case old == "":
		return login + "/" + name
	}
	return login + "/" + old
}
