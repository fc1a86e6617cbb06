package hosts

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

// A stalkModular is the body of a modular webhook.
type stalkModular struct {
	Trigger string    `json:"trigger"`
	Payload stalkPush `json:"payload"`
}

// A stalkPush is the payload of either kind of webhook. The classic one has a URI and the
// repository's page, the modular one neither.
type stalkPush struct {
	Before     string `json:"before"`
	After      string `json:"after"`
	Ref        string `json:"ref"` // full
	Branch     string `json:"branch"`
	URI        string `json:"uri"`
	Repository struct {
		ID   ident  `json:"id"`
		Name string `json:"name"`
		Type string `json:"type"` // GitRepository, SubversionRepository
		URL  string `json:"url"`
	} `json:"repository"`
	Changeset string            `json:"changeset_url"`
	Commits   list[stalkCommit] `json:"commits"` // none when push_is_too_large
}

type stalkCommit struct {
	Changeset string `json:"changeset_url"`
}

// Parse tells the modular webhook by its JSON body from the classic one, which is a form.
// Beanstalk has no id of a delivery.
func (beanstalk) Parse(h http.Header, body []byte) (model.Push, error) {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n\uFEFF"), []byte("{")) {
		return stalkTrigger(body)
	}
	p := model.Push{Event: "push"}
	for field := range bytes.SplitSeq(body, []byte("&")) {
		if bytes.HasPrefix(field, []byte("commit=")) {
			return p, ignore("it tells of a Subversion repository")
		}
		if bytes.HasPrefix(field, []byte("payload=")) {
			break
		}
	}
	text, err := payload(http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body)
	if err != nil {
		return p, err
	}
	var in stalkPush
	if err := decode(text, &in); err != nil {
		return p, err
	}
	return finish(in.fill(p))
}

// stalkTrigger reads a modular webhook. The words of its triggers are not documented as a
// list, so one that is unknown rings, for its repository or for all.
func stalkTrigger(body []byte) (model.Push, error) {
	var in stalkModular
	if err := decode(body, &in); err != nil {
		return model.Push{}, err
	}
	p := label(model.Push{Event: in.Trigger})
	switch {
	case in.Trigger == "":
		return p, fmt.Errorf("the body has no trigger")
	case in.Trigger == "commit" || strings.HasPrefix(in.Payload.Repository.Type, "Subversion"):
		return p, ignore("it tells of a Subversion repository")
	case in.Trigger == "comment":
		return p, ignore("the trigger %q moves no ref", p.Event)
	}
	p = in.Payload.fill(p)
	if p.RepoName == "" && p.RepoID == "" && len(p.URLs) == 0 {
		p.Everything, p.Updates = true, nil
	}
	return finish(p)
}

func (in stalkPush) fill(p model.Push) model.Push {
	p.RepoID, p.RepoName = string(in.Repository.ID), in.Repository.Name
	for _, u := range []string{in.URI, in.Repository.URL, in.page()} {
		if u != "" {
			p.URLs = append(p.URLs, u)
		}
	}
	ref := in.Ref
	if ref == "" {
		ref = in.Branch
	}
	if ref != "" && !strings.HasPrefix(ref, "refs/") {
		ref = model.HeadPrefix + ref
	}
	if ref != "" {
		p.Updates = []model.RefUpdate{update(ref, in.Before, in.After)}
	}
	return p
}

// page is the address of the repository's page, as it begins that of a commit: a modular
// webhook names the account nowhere else.
func (in stalkPush) page() string {
	changeset := in.Changeset
	for _, c := range in.Commits {
		if changeset == "" {
			changeset = c.Changeset
		}
	}
	page, _, ok := strings.Cut(changeset, "/changesets/")
	if !ok {
		return ""
	}
	return page
}
