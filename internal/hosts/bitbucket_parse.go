package hosts

import (
	"fmt"
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

// A bucketBody is a delivery of Bitbucket Cloud. Its addresses are not read: none of
// them is one to clone from, and those of Atlassian's samples name other repositories.
type bucketBody struct {
	Repository bucketRepository `json:"repository"`
	Push       struct {
		Changes list[bucketChange] `json:"changes"`
	} `json:"push"`
	PullRequest bucketPull   `json:"pullrequest"`
	Changes     bucketEdited `json:"changes"` // of repo:updated

	// Of repo:transfer: who had it. Which of them comes is not documented.
	PreviousWorkspace loose[bucketOwner] `json:"previous_workspace"`
	PreviousOwner     loose[bucketOwner] `json:"previous_owner"`
}

type bucketRepository struct {
	UUID     string `json:"uuid"` // in braces
	FullName string `json:"full_name"`
}

type bucketOwner struct {
	Slug     string `json:"slug"`
	Username string `json:"username"`
}

// A bucketChange is one ref: Old is null for a new one, New for one that was deleted.
type bucketChange struct {
	Old *bucketRef `json:"old"`
	New *bucketRef `json:"new"`
}

type bucketRef struct {
	Type   string `json:"type"`
	Name   string `json:"name"`
	Target struct {
		Hash string `json:"hash"`
	} `json:"target"`
}

type bucketEdited struct {
	FullName loose[bucketEdit] `json:"full_name"`
}

type bucketEdit struct {
	Old string `json:"old"`
	New string `json:"new"`
}

type bucketPull struct {
	ID          int64      `json:"id"`
	Title       string     `json:"title"`
	State       string     `json:"state"`
	Source      bucketSide `json:"source"`
	Destination bucketSide `json:"destination"`
	Updated     moment     `json:"updated_on"`
}

type bucketSide struct {
	Branch struct {
		Name string `json:"name"`
	} `json:"branch"`
}

func (bitbucket) Parse(h http.Header, body []byte) (model.Push, error) {
	p := label(model.Push{Event: h.Get(bucketEvent), DeliveryID: h.Get(bucketDelivery)})
	pull := strings.HasPrefix(p.Event, "pullrequest:")
	switch p.Event {
	case "repo:push", "repo:updated", "repo:transfer", "repo:deleted":
	case "":
		return p, fmt.Errorf("there is no %s header", bucketEvent)
	default:
		if !pull {
			return p, ignore("the event %q moves no ref", p.Event)
		}
	}
	var in bucketBody
	if err := decode(body, &in); err != nil {
		return p, err
	}
	p = in.Repository.name(p)
	switch {
	case pull:
		p.PullRequest = in.PullRequest.model(p.Event)
	case p.Event == "repo:push":
		p.Updates = in.updates()
	case p.Event == "repo:deleted":
		p.Change = model.ChangeDeleted
	case p.Event == "repo:transfer":
		p.Change, p.Was = model.ChangeRenamed, in.before()
	default:
		return in.updated(p)
	}
	return finish(p)
}

// name says which repository it is; the SSH address is made of its full name.
func (r bucketRepository) name(p model.Push) model.Push {
	p.RepoID, p.RepoName, p.URLs = r.UUID, r.FullName, nil
	if r.FullName != "" {
		p.URLs = []string{"git@" + bucketOrigin + ":" + r.FullName + ".git", "https://" + bucketOrigin + "/" + r.FullName}
	}
	return p
}

func (in bucketBody) updates() (out []model.RefUpdate) {
	for _, c := range in.Push.Changes {
		var named, older, newer bucketRef
		if c.Old != nil {
			named, older = *c.Old, *c.Old
		}
		if c.New != nil {
			named, newer = *c.New, *c.New
		}
		if ref := named.full(); ref != "" {
			out = append(out, update(ref, older.Target.Hash, newer.Target.Hash))
		}
	}
	return out
}

// full gives the full name of the ref; "" for what git does not have.
func (r bucketRef) full() string {
	switch {
	case r.Name == "":
		return ""
	case r.Type == "branch" || r.Type == "named_branch":
		return model.HeadPrefix + r.Name
	case r.Type == "tag" || r.Type == "annotated_tag":
		return model.TagPrefix + r.Name
	}
	return ""
}

// updated reads repo:updated, which comes for a new description as well.
func (in bucketBody) updated(p model.Push) (model.Push, error) {
	name := in.Changes.FullName.value
	if name.New == "" || name.Old == "" || name.New == name.Old {
		p, err := finish(p)
		if err != nil {
			return p, err
		}
		return p, ignore("the repository keeps its name")
	}
	in.Repository.FullName = name.New
	p = in.Repository.name(p)
	p.Change, p.Was = model.ChangeRenamed, name.Old
	return finish(p)
}

// before gives the full name before a transfer; "" = not told.
func (in bucketBody) before() string {
	_, slug, ok := strings.Cut(in.Repository.FullName, "/")
	for _, who := range []string{
		in.PreviousWorkspace.value.Slug, in.PreviousOwner.value.Slug,
		in.PreviousWorkspace.value.Username, in.PreviousOwner.value.Username,
	} {
		if ok && who != "" {
			return who + "/" + slug
		}
	}
	return ""
}

// model goes by the event where that decides: samples have the state "OPEN|MERGED|DECLINED".
func (r bucketPull) model(event string) *model.PullRequest {
	status := model.PullRequestOpen
	switch {
	case event == "pullrequest:fulfilled" || r.State == "MERGED":
		status = model.PullRequestMerged
	case event == "pullrequest:rejected" || r.State == "DECLINED" || r.State == "SUPERSEDED":
		status = model.PullRequestDeclined
	}
	return &model.PullRequest{
		Number: r.ID, Title: r.Title, Status: status,
		Source: r.Source.Branch.Name, Target: r.Destination.Branch.Name, UpdatedAt: r.Updated.Time,
	}
}
