package hosts

import (
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// A labPush is a push of GitLab: of a project's hook, or of a system hook, whose
// repository_update alone tells of several refs.
type labPush struct {
	Ref        string          `json:"ref"`
	Before     string          `json:"before"`
	After      string          `json:"after"`
	ProjectID  ident           `json:"project_id"`
	Project    labProject      `json:"project"`
	Repository labRepository   `json:"repository"` // before GitLab 8.5 there was no project
	Changes    list[labChange] `json:"changes"`
	Refs       list[string]    `json:"refs"`
}

type labProject struct {
	ID   ident  `json:"id"`
	Path string `json:"path_with_namespace"`
	SSH  string `json:"git_ssh_url"`
	HTTP string `json:"git_http_url"`
	Web  string `json:"web_url"`
}

// name says which project it is; id is what stands beside it, as old versions write it.
func (l labProject) name(p model.Push, id ident) model.Push {
	if p.RepoID, p.RepoName = string(id), l.Path; p.RepoID == "" {
		p.RepoID = string(l.ID)
	}
	p.URLs = []string{l.SSH, l.HTTP, l.Web}
	return p
}

type labRepository struct {
	SSH  string `json:"git_ssh_url"`
	HTTP string `json:"git_http_url"`
	URL  string `json:"url"`
	Home string `json:"homepage"`
}

type labChange struct {
	Ref    string `json:"ref"`
	Before string `json:"before"`
	After  string `json:"after"`
}

func (gitlab) Parse(h http.Header, body []byte) (model.Push, error) {
	p := label(model.Push{Event: h.Get(labEvent), DeliveryID: labDelivery(h)})
	switch p.Event {
	case "Push Hook", "Tag Push Hook":
		return labRefs(p, body)
	case "Merge Request Hook":
		return labMerge(p, body)
	case "System Hook", "Project Hook":
		// Their many events have fields of their own, of types of their own.
		word, err := systemEvent(body)
		if err != nil {
			return p, err
		}
		p.Event += ": " + word
		return labSystem(label(p), word, body)
	case "":
		return p, fmt.Errorf("there is no %s header", labEvent)
	}
	return p, ignore("the event %q moves no ref", p.Event)
}

// labSystem reads an event of a system hook, or of a group's hook about its projects.
func labSystem(p model.Push, word string, body []byte) (model.Push, error) {
	switch word {
	case "push", "tag_push", "repository_update":
		return labRefs(p, body)
	case "merge_request":
		return labMerge(p, body)
	case "project_rename", "project_transfer":
		return labProjectEvent(p, model.ChangeRenamed, body)
	case "project_destroy":
		return labProjectEvent(p, model.ChangeDeleted, body)
	}
	return p, ignore("the system event %q moves no ref", word)
}

func labProjectEvent(p model.Push, change model.RepoChange, body []byte) (model.Push, error) {
	var in struct {
		ProjectID ident  `json:"project_id"`
		Path      string `json:"path_with_namespace"`
		OldPath   string `json:"old_path_with_namespace"`
	}
	if err := decode(body, &in); err != nil {
		return p, err
	}
	p.RepoID, p.RepoName, p.Change = string(in.ProjectID), in.Path, change
	if change == model.ChangeRenamed {
		p.Was = in.OldPath
	}
	p, err := finish(p)
	if err == nil && p.Was != "" && p.Was == p.RepoName {
		p.Change, p.Was = "", ""
		return p, ignore("the project has another title; its path stays the same")
	}
	return p, err
}

func labRefs(p model.Push, body []byte) (model.Push, error) {
	var in labPush
	if err := decode(body, &in); err != nil {
		return p, err
	}
	return finish(in.fill(p))
}

// labDelivery is the id that stays the same when GitLab sends again; before
// version 17 there is none. X-Gitlab-Event-UUID is shared by several hooks.
func labDelivery(h http.Header) string {
	if id := h.Get("Idempotency-Key"); id != "" {
		return id
	}
	return h.Get(stdID)
}

// systemEvent reads the one field that tells system hooks apart; a merge request
// has it under another name.
func systemEvent(body []byte) (string, error) {
	var in struct {
		EventName  string `json:"event_name"`
		ObjectKind string `json:"object_kind"`
	}
	if err := decode(body, &in); err != nil {
		return "", err
	}
	word := in.EventName
	if word == "" {
		word = in.ObjectKind
	}
	if word == "" {
		return "", fmt.Errorf("the system hook has no event_name")
	}
	return clip(word, 60), nil
}

func (in labPush) fill(p model.Push) model.Push {
	p = in.Project.name(p, in.ProjectID)
	if in.Project.SSH == "" && in.Project.HTTP == "" {
		r := in.Repository
		p.URLs = append(p.URLs, r.SSH, r.HTTP, r.URL, r.Home)
	}
	if in.Ref != "" {
		p.Updates = append(p.Updates, update(in.Ref, in.Before, in.After))
	}
	for _, c := range in.Changes {
		p.Updates = append(p.Updates, update(c.Ref, c.Before, c.After))
	}
	if len(p.Updates) == 0 {
		for _, ref := range in.Refs {
			p.Updates = append(p.Updates, model.RefUpdate{Name: ref})
		}
	}
	return p
}
