package hosts

import (
	"fmt"
	"strings"

	"issuetrail/internal/model"
)

// A hubPullEvent tells of a pull request. Gogs has branches instead of head and
// base, and no time.
type hubPullEvent struct {
	Action      string        `json:"action"`
	Number      int64         `json:"number"`
	Repository  hubRepository `json:"repository"`
	PullRequest struct {
		Number     int64     `json:"number"`
		Title      string    `json:"title"`
		State      string    `json:"state"`
		Merged     bool      `json:"merged"`
		UpdatedAt  moment    `json:"updated_at"`
		Head       hubBranch `json:"head"`
		Base       hubBranch `json:"base"`
		HeadBranch string    `json:"head_branch"`
		BaseBranch string    `json:"base_branch"`
	} `json:"pull_request"`
}

type hubBranch struct {
	Ref   string `json:"ref"`
	Label string `json:"label"`
}

func hubPull(p model.Push, body []byte) (model.Push, error) {
	var in hubPullEvent
	if err := decode(body, &in); err != nil {
		return p, err
	}
	pr := in.PullRequest
	if pr.Number == 0 {
		pr.Number = in.Number
	}
	status, err := in.status()
	if err != nil {
		return p, err
	}
	p.PullRequest = &model.PullRequest{
		Number: pr.Number, Title: pr.Title, Status: status,
		Source: pr.Head.branch(pr.HeadBranch), Target: pr.Base.branch(pr.BaseBranch), UpdatedAt: pr.UpdatedAt.Time,
	}
	return finish(in.Repository.name(p))
}

// status goes by the state, and by the action where no state is told.
func (in hubPullEvent) status() (model.PullRequestStatus, error) {
	state := in.PullRequest.State
	if state == "" && in.Action != "" {
		if state = "open"; in.Action == "closed" {
			state = in.Action
		}
	}
	switch {
	case in.PullRequest.Merged:
		return model.PullRequestMerged, nil
	case state == "open":
		return model.PullRequestOpen, nil
	case state == "closed":
		return model.PullRequestDeclined, nil
	}
	return "", fmt.Errorf("the pull request is neither open nor closed")
}

// branch gives the short name. Gitea says refs/pull/2/head of a branch that is
// gone, and has its name in the label.
func (b hubBranch) branch(other string) string {
	switch {
	case strings.HasPrefix(b.Ref, "refs/pull/"):
		return b.Label
	case b.Ref == "":
		return other
	}
	return b.Ref
}
