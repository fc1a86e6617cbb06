package hosts

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"issuetrail/internal/model"
)

// A gerritEvent is an event of any type. Gerrit says of all fields that they may be missing.
type gerritEvent struct {
	Type        string             `json:"type"`
	RefUpdate   gerritUpdate       `json:"refUpdate"`
	RefUpdates  list[gerritUpdate] `json:"refUpdates"` // of batch-ref-updated, all of one project
	ProjectName string             `json:"projectName"`
	Change      gerritChange       `json:"change"`
	CreatedOn   moment             `json:"eventCreatedOn"`
}

type gerritUpdate struct {
	OldRev  string `json:"oldRev"`
	NewRev  string `json:"newRev"`
	RefName string `json:"refName"`
	Project string `json:"project"`
}

type gerritChange struct {
	Project string `json:"project"`
	Branch  string `json:"branch"`
	Topic   string `json:"topic"`
	Number  ident  `json:"number"` // a string before 2.14
	Subject string `json:"subject"`
	Status  string `json:"status"` // NEW, DRAFT, MERGED, ABANDONED
	Private bool   `json:"private"`
}

// Parse goes by the field type. Gerrit has no id of a delivery and none of a project, and
// events tell of no address.
func (gerrit) Parse(_ http.Header, body []byte) (model.Push, error) {
	var in gerritEvent
	if err := decode(body, &in); err != nil {
		return model.Push{}, err
	}
	p := label(model.Push{Event: in.Type})
	switch in.Type {
	case "ref-updated":
		p = in.RefUpdate.add(p)
	case "batch-ref-updated":
		for _, u := range in.RefUpdates {
			p = u.add(p)
		}
	case "project-created", "project-head-updated":
		p.RepoName = in.ProjectName
	case "project-deleted": // of the plugin delete-project
		p.RepoName, p.Change = in.ProjectName, model.ChangeDeleted
	case "patchset-created", "change-merged", "change-abandoned", "change-restored", "change-deleted",
		"topic-changed", "wip-state-changed", "private-state-changed", "draft-published":
		return in.pullRequest(p)
	case "":
		return p, fmt.Errorf("the event has no type")
	default:
		return p, ignore("the event %q moves no ref", p.Event)
	}
	return finish(p)
}

// add puts an update into p. Very old versions write a branch by its short name.
func (u gerritUpdate) add(p model.Push) model.Push {
	if p.RepoName == "" {
		p.RepoName = u.Project
	}
	if u.RefName != "" && !strings.HasPrefix(u.RefName, "refs/") {
		u.RefName = model.HeadPrefix + u.RefName
	}
	if u.RefName != "" {
		p.Updates = append(p.Updates, update(u.RefName, u.OldRev, u.NewRev))
	}
	return p
}

// pullRequest makes a change one. It has no branch of its own; its topic, which git-review
// takes from the branch's name, is the nearest thing. A private change is not told of: only
// its owner and reviewers may see it.
func (in gerritEvent) pullRequest(p model.Push) (model.Push, error) {
	c := in.Change
	number, err := strconv.ParseInt(string(c.Number), 10, 64)
	if err != nil {
		return refuse(p, "the change has no number")
	}
	p.RepoName = c.Project
	p.PullRequest = &model.PullRequest{
		Number: number, Title: c.Subject, Status: model.PullRequestOpen,
		Source: c.Topic, Target: c.Branch, UpdatedAt: in.CreatedOn.Time,
	}
	switch {
	case in.Type == "change-deleted" || c.Private:
		p.PullRequest.Status = model.PullRequestRemoved
		p.PullRequest.Title = ""
	case in.Type == "change-merged" || c.Status == "MERGED":
		p.PullRequest.Status = model.PullRequestMerged
	case in.Type == "change-abandoned" || c.Status == "ABANDONED" && in.Type != "change-restored":
		p.PullRequest.Status = model.PullRequestDeclined
	}
	return finish(p)
}
