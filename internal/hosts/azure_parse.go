package hosts

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"issuetrail/internal/model"
)

// An azureHead tells deliveries apart; what "resource" is depends on the event.
type azureHead struct {
	Event        string `json:"eventType"`
	Subscription ident  `json:"subscriptionId"`
	Notification ident  `json:"notificationId"`
	Created      moment `json:"createdDate"`
}

// azureTest is the subscription that the button "Test" names.
const azureTest = "00000000-0000-0000-0000-000000000000"

// An azureBody is a delivery about a Git repository. With few "resource details to send"
// most of it is missing.
type azureBody struct {
	Resource azureResource `json:"resource"`
}

type azureResource struct {
	URL        string            `json:"url"`
	Repository azureRepository   `json:"repository"`
	RefUpdates list[azureUpdate] `json:"refUpdates"`

	azurePull
	Commented struct {
		azurePull
		Repository azureRepository `json:"repository"`
	} `json:"pullRequest"` // of an event about a comment

	OldName        string       `json:"oldName"`        // of git.repo.renamed
	NewName        string       `json:"newName"`        //
	RepositoryID   ident        `json:"repositoryId"`   // of git.repo.deleted, as the two below
	RepositoryName string       `json:"repositoryName"` //
	Project        azureProject `json:"project"`        //
}

type azureUpdate struct {
	Name string `json:"name"`
	Old  string `json:"oldObjectId"`
	New  string `json:"newObjectId"`
}

type azurePull struct {
	Number int64  `json:"pullRequestId"`
	Title  string `json:"title"`
	Status string `json:"status"`
	Source string `json:"sourceRefName"`
	Target string `json:"targetRefName"`
}

// Parse goes by the body: Azure DevOps Server sends none of the cloud's headers.
func (azure) Parse(_ http.Header, body []byte) (model.Push, error) {
	var head azureHead
	if err := decode(body, &head); err != nil {
		return model.Push{}, err
	}
	p := model.Push{Event: head.Event}
	if head.Subscription == azureTest {
		return label(p), ignore("a test of the subscription")
	}
	if head.Subscription != "" && head.Notification != "" {
		p.DeliveryID = string(head.Subscription + "/" + head.Notification)
	}
	p = label(p)
	switch {
	case head.Event == "":
		return p, fmt.Errorf("there is no eventType")
	case !azureFollowed(head.Event):
		return p, ignore("the event %q moves no ref", p.Event)
	}
	var in azureBody
	if err := decode(body, &in); err != nil {
		return p, err
	}
	return in.Resource.push(p, head)
}

func azureFollowed(event string) bool {
	switch event {
	case "git.push", "git.repo.renamed", "git.repo.deleted", azureComment:
		return true
	}
	return strings.HasPrefix(event, "git.pullrequest.")
}

const azureComment = "ms.vss-code.git-pullrequest-comment-event"

// push fills in what the resource says. A push or change of a repository that is not
// named may be of any.
func (r azureResource) push(p model.Push, head azureHead) (model.Push, error) {
	repository := r.Repository
	if head.Event == azureComment {
		r.azurePull, repository = r.Commented.azurePull, r.Commented.Repository
	}
	if head.Event == "git.repo.renamed" && r.NewName != "" {
		repository.Name = r.NewName
	}
	if head.Event == "git.repo.deleted" {
		repository = azureRepository{ID: r.RepositoryID, Name: r.RepositoryName, Project: r.Project}
	}
	if repository.ID == "" {
		repository.ID = repositoryInURL(r.URL)
	}
	p = repository.push(p)
	p.Everything = p.RepoID == "" && p.RepoName == "" && len(p.URLs) == 0
	switch head.Event {
	case "git.push":
		for _, u := range r.RefUpdates {
			p.Updates = append(p.Updates, update(u.Name, u.Old, u.New))
		}
	case "git.repo.renamed":
		return finish(r.renamed(p))
	case "git.repo.deleted":
		if !p.Everything {
			p.Change = model.ChangeDeleted
		}
	default:
		return r.pull(p, head)
	}
	return finish(p)
}

// renamed gives the change; a repository does not leave its project on Azure.
func (r azureResource) renamed(p model.Push) model.Push {
	if p.RepoName == "" || r.OldName == "" {
		return p
	}
	p.Change = model.ChangeRenamed
	if i := strings.LastIndexByte(p.RepoName, '/'); i >= 0 {
		p.Was = p.RepoName[:i+1] + r.OldName
	}
	return p
}

func (r azureResource) pull(p model.Push, head azureHead) (model.Push, error) {
	status, ok := map[string]model.PullRequestStatus{
		"active": model.PullRequestOpen, "notset": model.PullRequestOpen,
		"completed": model.PullRequestMerged, "abandoned": model.PullRequestDeclined,
	}[strings.ToLower(r.Status)]
	if !ok || r.Number == 0 || p.Everything {
		p.Everything = false
		return p, ignore(`the delivery does not describe the pull request; set "Resource details to send" to "All"`)
	}
	p.PullRequest = &model.PullRequest{
		Number: r.Number, Title: r.Title, Status: status,
		Source: r.Source, Target: r.Target, UpdatedAt: head.Created.Time,
	}
	return finish(p)
}

var inURL = regexp.MustCompile(`(?i)/_apis/(?:repos/)?git/repositories/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:[/?]|$)`)

// repositoryInURL gives the repository's id that the address of a push or a pull request
// holds, all that is left of it where few details are sent.
func repositoryInURL(s string) ident {
	if len(s) > maxURL {
		return ""
	}
	if m := inURL.FindStringSubmatch(s); m != nil {
		return ident(strings.ToLower(m[1]))
	}
	return ""
}
