package hosts

import (
	"fmt"

	"issuetrail/internal/model"
)

// A labMergeEvent tells of a merge request. Before GitLab 8.5 the project stood in
// the attributes alone, as the target.
type labMergeEvent struct {
	Project    labProject `json:"project"`
	Attributes struct {
		IID       int64      `json:"iid"`
		Title     string     `json:"title"`
		State     string     `json:"state"`
		Source    string     `json:"source_branch"`
		Target    string     `json:"target_branch"`
		UpdatedAt moment     `json:"updated_at"`
		ProjectID ident      `json:"target_project_id"`
		Project   labProject `json:"target"`
	} `json:"object_attributes"`
}

func labMerge(p model.Push, body []byte) (model.Push, error) {
	var in labMergeEvent
	if err := decode(body, &in); err != nil {
		return p, err
	}
	a, project := in.Attributes, in.Project
	if project.Path == "" {
		project = a.Project
	}
	status, err := labStatus(a.State)
	if err != nil {
		return p, err
	}
	p.PullRequest = &model.PullRequest{
		Number: a.IID, Title: a.Title, Status: status, Source: a.Source, Target: a.Target, UpdatedAt: a.UpdatedAt.Time,
	}
	id := project.ID
	if id == "" {
		id = a.ProjectID
	}
	return finish(project.name(p, id))
}

// labStatus reads the state; "locked" is one that is being merged just now.
func labStatus(state string) (model.PullRequestStatus, error) {
	switch state {
	case "opened", "reopened", "locked":
		return model.PullRequestOpen, nil
	case "merged":
		return model.PullRequestMerged, nil
	case "closed":
		return model.PullRequestDeclined, nil
	}
	return "", fmt.Errorf("the state of the merge request is not understood")
}
