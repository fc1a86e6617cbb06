package hosts

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// signBasic gives the password as Azure does, behind a name that does not matter.
func signBasic(h http.Header, _ []byte, secret string) {
	h.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte("issuetrail:"+secret)))
}

func TestBasicAuthentication(t *testing.T) {
	const secret = "azure-secret-of-more-than-32-bytes!!"
	encode := func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	for value, want := range map[string]bool{
		"Basic " + encode("any:"+secret): true, "basic " + encode(":"+secret): true, "BASIC " + encode("a b@c:"+secret): true,
		"Basic " + encode("any:x"+secret): false, "Basic " + encode("any:"+secret+"x"): false, "Basic " + encode(secret+":any"): false,
		"Basic " + encode(secret): false, "Basic " + encode("any:"+secret+":"): false, "Basic " + encode("any:"): false, "Basic " + encode(":"): false,
		"Bearer " + secret: false, "Bearer " + encode("any:"+secret): false, "Basic" + encode("any:"+secret): false, secret: false,
		"Basic " + encode("any:"+secret) + "=": false, "Basic ": false, "Basic": false, "": false, "Basic " + "any:" + secret: false,
		"Basic " + strings.TrimRight(encode("a:"+secret), "="): false, // without its padding
	} {
		err := azure{}.Verify(http.Header{"Authorization": {value}}, nil, secretOf(t, secret))
		if (err == nil) != want || err != nil && !errors.Is(err, ErrSignature) {
			t.Errorf("%q: %v", value, err)
		}
	}
	// A password with a colon is one: the name ends at the first.
	if err := (azure{}).Verify(http.Header{"Authorization": {"Basic " + encode("any:a:b")}}, nil, secretOf(t, "a:b")); err != nil {
		t.Error(err)
	}
	// Data Center sends Basic authentication as well, if it is told to.
	h := headers(bucketEvent, "repo:refs_changed")
	signBasic(h, nil, secret)
	if err := (azure{}).Verify(h, nil, secretOf(t, secret)); !errors.Is(err, ErrSignature) {
		t.Errorf("a delivery of Bitbucket: %v", err)
	}
}

// TestAzureAddressOfPayload: pushes have no SSH address, so it is made of the web address and
// of the names. It must be the identity of the address that Azure shows for cloning.
func TestAzureAddressOfPayload(t *testing.T) {
	for _, c := range []struct {
		remote, api    string
		project, repo  string
		want, likeThis string // the name, and the clone URL that Azure shows
	}{
		{"https://acme@dev.azure.com/acme/Core/_git/app", "", "Core", "app", "acme/Core/app", "git@ssh.dev.azure.com:v3/acme/Core/app"},
		{"https://dev.azure.com/acme/_git/app", "", "app", "app", "acme/app/app", "git@ssh.dev.azure.com:v3/acme/app/app"},
		{"https://dev.azure.com/acme/DefaultCollection/_git/app", "", "app", "app", "acme/app/app", "git@ssh.dev.azure.com:v3/acme/app/app"},
		{"https://dev.azure.com/acme/Core%20Team/_git/my%20app", "", "Core Team", "my app", "acme/Core Team/my app", "git@ssh.dev.azure.com:v3/acme/Core%20Team/my%20app"},
		{"https://dev.azure.com/acme/Core%20Team/_git/my%20app", "", "", "", "acme/Core Team/my app", "git@ssh.dev.azure.com:v3/acme/Core%20Team/my%20app"},
		{"https://Acme.VisualStudio.com/DefaultCollection/Core/_git/app", "", "Core", "app", "acme/Core/app", "acme@vs-ssh.visualstudio.com:v3/acme/Core/app"},
		{"https://acme.visualstudio.com/_git/app", "", "app", "app", "acme/app/app", "ssh://acme@vs-ssh.visualstudio.com:22/_ssh/app"},
		{"", "https://dev.azure.com/acme/_apis/git/repositories/278d5cd2-584d-4b63-824a-2ba458937249", "Core", "app", "acme/Core/app", "git@ssh.dev.azure.com:v3/acme/Core/app"},
		{"", "https://dev.azure.com/acme/be9b3917-87e6-42a4-a549-2bc06a7a878f/_apis/git/repositories/x", "Core", "app", "acme/Core/app", "git@ssh.dev.azure.com:v3/acme/Core/app"},
		{"", "https://dev.azure.com/acme/be9b3917-87e6-42a4-a549-2bc06a7a878f/_apis/git/repositories/x", "", "app", "acme/app/app", "git@ssh.dev.azure.com:v3/acme/app/app"},
		{"https://azure.example.com/Main/Core/_git/app", "", "Core", "app", "Main/Core/app", "ssh://azure.example.com:22/Main/Core/_git/app"},
		{"https://azure.example.com/Main/_git/app", "", "app", "app", "Main/app/app", "ssh://azure.example.com:22/Main/_git/app"},
		{"http://tfs:8080/tfs/Main/_git/app", "", "app", "app", "Main/app/app", "ssh://tfs:22/tfs/Main/_ssh/app"},
		{"http://tfs:8080/tfs/app/_git/app", "", "app", "app", "app/app/app", "ssh://tfs:22/tfs/app/app/_git/app"},
		{"http://tfs:8080/tfs/Main/Core/_git/app", "", "", "", "Main/Core/app", "ssh://tfs:22/Main/Core/_git/app"},
		{"", "http://tfs:8080/tfs/Main/be9b3917-87e6-42a4-a549-2bc06a7a878f/_apis/git/repositories/x", "Core", "app", "Main/Core/app", "ssh://tfs:22/tfs/Main/Core/_git/app"},
		{"https://example.com/dev/ops/Main/Core/_git/app", "", "Core", "app", "Main/Core/app", "ssh://example.com:22/dev/ops/Main/Core/_git/app"},
	} {
		r := azureRepository{Name: c.repo, URL: c.api, Remote: c.remote, Project: azureProject{Name: c.project}}
		p := r.push(model.Push{})
		if p.RepoName != c.want {
			t.Errorf("%s%s: name %q, want %q", c.remote, c.api, p.RepoName, c.want)
		}
		if len(p.URLs) == 0 {
			t.Errorf("%s%s: no address", c.remote, c.api)
			continue
		}
		a, err := model.ParseAddress(p.URLs[0])
		shown, err2 := model.ParseAddress(c.likeThis)
		if err != nil || err2 != nil {
			t.Errorf("%s: %v, %v", p.URLs[0], err, err2)
			continue
		}
		if got, want := Identify(kindAzure, a), Identify(kindAzure, shown); got.Key != want.Key {
			t.Errorf("%s: key %q, want %q", p.URLs[0], got.Key, want.Key)
		}
	}
}

// TestAzureAddressOfNonsense: what tells no organization gives no name.
func TestAzureAddressOfNonsense(t *testing.T) {
	for _, remote := range []string{
		"", "app", "https://", "https://dev.azure.com", "https://dev.azure.com/", "https://dev.azure.com/_git/app", "https://dev.azure.com/acme",
		"ftp://dev.azure.com/acme/Core/_git/app", "https://visualstudio.com/_git/app", "https://a.b.visualstudio.com/_git/app", "https://h/_git/app",
		"https://h/_apis/x", "javascript:alert(1)", "https://dev.azure.com/%zz/_git/app", "https://h:x/a/_git/b", strings.Repeat("https://h/", 1000) + "_git/a",
	} {
		p := azureRepository{ID: "1", Name: "app", Remote: remote}.push(model.Push{})
		if p.RepoName != "" || p.RepoID != "1" {
			t.Errorf("%.60q: %q %q", remote, p.RepoName, p.RepoID)
		}
	}
	// A name with a slash is none of Azure's, and would name another repository.
	p := azureRepository{Name: "x/../../evil/app", Remote: "https://dev.azure.com/acme/Core/_git/app", Project: azureProject{Name: "Core"}}.push(model.Push{})
	if p.RepoName != "" || len(p.URLs) != 1 {
		t.Errorf("%+v", p)
	}
}

func TestRepositoryInURL(t *testing.T) {
	const id = "278d5cd2-584d-4b63-824a-2ba458937249"
	for u, want := range map[string]ident{
		"https://dev.azure.com/a/_apis/repos/git/repositories/" + id + "/pushes/14": id,
		"https://dev.azure.com/a/_apis/git/repositories/" + id:                      id,
		"https://h/tfs/c/_APIS/git/repositories/" + strings.ToUpper(id) + "/x":      id,
		"https://h/_apis/git/repositories/" + id + "0/x":                            "",
		"https://h/_apis/git/repositories/app/pushes/14":                            "",
		"https://h/_apis/build/" + id:                                               "",
		"":                                                                          "",
		"https://h/" + strings.Repeat("a", 5000) + "/_apis/git/repositories/" + id:  "",
	} {
		if got := repositoryInURL(u); got != want {
			t.Errorf("%.80q: %q", u, got)
		}
	}
}

func TestAzureStates(t *testing.T) {
	for status, want := range map[string]model.PullRequestStatus{
		"active": model.PullRequestOpen, "notSet": model.PullRequestOpen, "completed": model.PullRequestMerged, "abandoned": model.PullRequestDeclined,
		"Completed": model.PullRequestMerged, "": "", "all": "", "COMPLETED!": "",
	} {
		p, err := azureResource{azurePull: azurePull{Number: 1, Status: status}, Repository: azureRepository{ID: "1"}}.push(model.Push{}, azureHead{Event: "git.pullrequest.merged"})
		switch {
		case want == "" && (!errors.Is(err, ErrIgnored) || p.PullRequest != nil):
			t.Errorf("%q: %+v, %v", status, p.PullRequest, err)
		case want != "" && (err != nil || p.PullRequest.Status != want):
			t.Errorf("%q: %+v, %v", status, p.PullRequest, err)
		}
	}
}

func TestAzureLinksByURL(t *testing.T) {
	for _, repo := range []model.Repo{
		{Name: "acme/core/app"},
		{Name: "v3/acme/core/app", RepoSpec: model.RepoSpec{URL: "git@ssh.dev.azure.com:v3/acme/core/app"}}, // as an older version named it
	} {
		if got := (azure{}).Links("https://dev.azure.com", repo).Repo; got != "https://dev.azure.com/acme/core/_git/app" {
			t.Errorf("%s: %s", repo.Name, got)
		}
	}
}
