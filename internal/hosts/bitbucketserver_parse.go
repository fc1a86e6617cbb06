package hosts

import (
	"fmt"
	"net/http"
	"strings"

	"issuetrail/internal/model"
)

// A stashBody is a delivery of Bitbucket Data Center, which was called Stash. Its dates
// are milliseconds or ISO 8601, by version.
type stashBody struct {
	Repository  stashRepository   `json:"repository"`
	Changes     list[stashChange] `json:"changes"`
	Old         stashRepository   `json:"old"` // of repo:modified
	New         stashRepository   `json:"new"` //
	PullRequest stashPull         `json:"pullRequest"`
}

type stashRepository struct {
	ID      ident             `json:"id"`
	Slug    string            `json:"slug"`
	Project stashProject      `json:"project"`
	Links   loose[stashLinks] `json:"links"` // missing in some versions
}

type stashProject struct {
	Key  string `json:"key"` // "~name" of a person's own, mostly
	Type string `json:"type"`
}

type stashLinks struct {
	Clone loose[list[stashLink]] `json:"clone"`
}

type stashLink struct {
	Href string `json:"href"`
}

type stashChange struct {
	Ref struct {
		ID string `json:"id"`
	} `json:"ref"`
	RefID string `json:"refId"`
	From  string `json:"fromHash"`
	To    string `json:"toHash"`
}

type stashPull struct {
	ID      int64     `json:"id"`
	Title   string    `json:"title"`
	State   string    `json:"state"`
	From    stashSide `json:"fromRef"`
	To      stashSide `json:"toRef"`
	Updated moment    `json:"updatedDate"`
}

type stashSide struct {
	ID         string          `json:"id"` // full
	Repository stashRepository `json:"repository"`
}

func (bitbucketServer) Parse(h http.Header, body []byte) (model.Push, error) {
	p := label(model.Push{Event: h.Get(bucketEvent), DeliveryID: h.Get(serverDelivery)})
	pull := strings.HasPrefix(p.Event, "pr:")
	switch p.Event {
	case serverPing:
		if len(h.Values(bucketSignature)) > 0 {
			return p, ignore("ping") // Verify saw that it is right
		}
		p.DeliveryID = "" // unproven, it must not make a later delivery look like a second one
		return p, ping{}
	case "repo:refs_changed", "mirror:repo_synchronized", "repo:modified":
	case "project:modified", "proj:modified": // the one is documented, the other in the documentation's examples
		return stashProjectModified(p, body)
	case "":
		return p, fmt.Errorf("there is no %s header", bucketEvent)
	default:
		if !pull {
			return p, ignore("the event %q moves no ref", p.Event)
		}
	}
	var in stashBody
	if err := decode(body, &in); err != nil {
		return p, err
	}
	switch {
	case pull:
		p = in.PullRequest.To.Repository.push(p)
		p.PullRequest = in.PullRequest.model(p.Event)
	case p.Event == "repo:modified":
		return in.modified(p)
	default:
		p = in.Repository.push(p)
		p.Updates = in.updates()
	}
	return finish(p)
}

// name is "key/slug", the key in lower case, as clone URLs have it.
func (r stashRepository) name() string {
	key := strings.ToLower(r.Project.Key)
	if r.Project.Type == "PERSONAL" && !strings.HasPrefix(key, "~") && key != "" {
		key = "~" + key // repo:modified of some versions leaves it out
	}
	if key == "" || r.Slug == "" {
		return ""
	}
	return key + "/" + r.Slug
}

func (r stashRepository) push(p model.Push) model.Push {
	p.RepoID, p.RepoName = string(r.ID), r.name()
	for _, l := range r.Links.value.Clone.value[:min(4, len(r.Links.value.Clone.value))] {
		p.URLs = append(p.URLs, l.Href)
	}
	return p
}

// updates is empty where a mirror left too many refs out (refLimitExceeded).
func (in stashBody) updates() (out []model.RefUpdate) {
	for _, c := range in.Changes {
		ref := c.Ref.ID
		if ref == "" {
			ref = c.RefID
		}
		out = append(out, update(ref, c.From, c.To))
	}
	return out
}

// modified reads repo:modified, which comes for a new description as well. To move a
// repository to another project is the same event.
func (in stashBody) modified(p model.Push) (model.Push, error) {
	p = in.New.push(p)
	if p.RepoID == "" {
		p.RepoID = string(in.Old.ID)
	}
	was := in.Old.name()
	if p.RepoName != "" && was != "" && was != p.RepoName {
		p.Change, p.Was = model.ChangeRenamed, was
		return finish(p)
	}
	p, err := finish(p)
	if err != nil {
		return p, err
	}
	return p, ignore("the repository keeps its name")
}

// stashProjectModified reads what became of a project. With a new key all its
// repositories have new addresses, of which the delivery names none.
func stashProjectModified(p model.Push, body []byte) (model.Push, error) {
	var in struct {
		Old stashProject `json:"old"`
		New stashProject `json:"new"`
	}
	if err := decode(body, &in); err != nil {
		return p, err
	}
	if in.Old.Key == in.New.Key {
		return p, ignore("the project keeps its key")
	}
	p.Everything = true
	return finish(p)
}

func (r stashPull) model(event string) *model.PullRequest {
	status := map[string]model.PullRequestStatus{
		"OPEN": model.PullRequestOpen, "MERGED": model.PullRequestMerged, "DECLINED": model.PullRequestDeclined,
	}[r.State]
	if event == "pr:deleted" {
		status = model.PullRequestRemoved
	}
	return &model.PullRequest{
		Number: r.ID, Title: r.Title, Status: status, Source: r.From.ID, Target: r.To.ID, UpdatedAt: r.Updated.Time,
	}
}
