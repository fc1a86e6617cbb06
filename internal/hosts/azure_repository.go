package hosts

import (
	"net/url"
	"regexp"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// An azureRepository is a repository in a delivery. SSH is missing from pushes.
type azureRepository struct {
	ID      ident        `json:"id"`
	Name    string       `json:"name"`
	URL     string       `json:"url"` // of the API
	Remote  string       `json:"remoteUrl"`
	SSH     string       `json:"sshUrl"`
	Project azureProject `json:"project"`
}

type azureProject struct {
	Name string `json:"name"`
	URL  string `json:"url"` // of the API
}

// push names the repository. The SSH addresses are made of the organization or
// collection, which only web addresses tell, and of the names of project and repository.
func (r azureRepository) push(p model.Push) model.Push {
	p.RepoID = strings.ToLower(string(r.ID))
	at, ok := azurePlace{}, false
	for _, u := range []string{r.Remote, r.URL, r.Project.URL} {
		if at, ok = readAzureWeb(u, r.Project.Name); ok {
			break
		}
	}
	name, project := r.Name, r.Project.Name
	if name == "" {
		name = at.repo
	}
	if project == "" {
		project = at.project
	}
	if project == "" {
		project = name
	}
	if ok && name != "" && !strings.Contains(project+name, "/") {
		p.RepoName = at.org + "/" + project + "/" + name
		p.URLs = append(p.URLs, at.ssh(project, name))
	}
	if a, err := model.ParseAddress(r.SSH); err == nil && !slices.Contains(p.URLs, a.URL()) {
		p.URLs = append(p.URLs, a.URL())
	}
	if u, err := url.Parse(r.Remote); err == nil && r.Remote != "" {
		u.User = nil // the organization's name, or whatever stood there
		p.URLs = append(p.URLs, u.String())
	}
	return p
}

// An azurePlace is what a web address says of where a repository is.
type azurePlace struct {
	host    string // of a server of one's own; "" = the cloud
	under   string // what stands before the collection there, such as "tfs"
	org     string // the organization, or the collection
	project string // "" = not told
	repo    string // "" = not told
}

var guid = regexp.MustCompile(`^(?i)[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// readAzureWeb takes a web address of a repository or of the API apart:
//
//	https://[org@]dev.azure.com/org/[DefaultCollection/][project/]_git/repo
//	https://org.visualstudio.com/[DefaultCollection/][project/]_git/repo
//	https://server/[tfs/]collection/[project/]_git/repo
//	…/_apis/…, with the project's id or without
//
// Project is the project's name where it is known, which tells project from collection.
func readAzureWeb(s, project string) (azurePlace, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || len(s) > maxURL {
		return azurePlace{}, false
	}
	before, repo := azureWebParts(u)
	host := strings.ToLower(u.Hostname())
	org, old := strings.CutSuffix(host, azureOldWeb)
	switch {
	case host == azureWeb && len(before) > 0:
		return azureInCloud(before[0], before[1:], repo), true
	case old && org != "" && !strings.Contains(org, "."):
		return azureInCloud(org, before, repo), true
	case host == azureWeb || old:
		return azurePlace{}, false
	}
	at := azurePlace{host: host, repo: repo}
	if len(before) > 1 && strings.EqualFold(before[0], "tfs") {
		at.under, before = before[0], before[1:]
	}
	if n := len(before) - 1; n > 0 && (guid.MatchString(before[n]) || project == "" || strings.EqualFold(before[n], project)) {
		if !guid.MatchString(before[n]) {
			at.project = before[n]
		}
		before = before[:n]
	}
	n := len(before) - 1
	if n < 0 {
		return azurePlace{}, false
	}
	at.org, at.under = before[n], strings.Trim(at.under+"/"+strings.Join(before[:n], "/"), "/")
	return at, true
}

// azureInCloud reads what stands between the organization and "_git".
func azureInCloud(org string, before []string, repo string) azurePlace {
	at := azurePlace{org: org, repo: repo}
	if len(before) > 0 && strings.EqualFold(before[0], "DefaultCollection") {
		before = before[1:]
	}
	if len(before) > 0 && !guid.MatchString(before[0]) {
		at.project = before[0]
	}
	return at
}

// azureWebParts gives what stands before "_git" or "_apis", and the repository behind "_git".
func azureWebParts(u *url.URL) (before []string, repo string) {
	parts := azureParts(u.EscapedPath())
	for i, p := range parts {
		switch {
		case strings.EqualFold(p, "_apis"):
			return parts[:i], ""
		case strings.EqualFold(p, azureGit) && i+1 < len(parts):
			return parts[:i], parts[i+1]
		}
	}
	return nil, ""
}

// ssh is the address that the repository has over SSH, at the usual port.
func (at azurePlace) ssh(project, name string) string {
	a := model.Address{User: "git", Host: azureSSH, Port: 22, Path: "v3"}
	parts := []string{"v3", at.org, project, name}
	if at.host != "" {
		a.Host, a.Path = at.host, "/"
		if parts = []string{at.org, project, azureGit, name}; at.under != "" {
			parts = append([]string{at.under}, parts...)
		}
	}
	return azurePath(a, parts).URL()
}
