package hosts

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"issuetrail/internal/model"
)

// azure is Azure DevOps Services, Azure DevOps Server and TFS.
// https://learn.microsoft.com/azure/devops/service-hooks/events
type azure struct{}

func (azure) Kind() string { return kindAzure }

// Verify checks the password of HTTP Basic authentication; Azure cannot sign. The user
// name may be any.
func (azure) Verify(h http.Header, _ []byte, secret Secret) error {
	if err := foreign(h, kindAzure); err != nil {
		return err
	}
	value, err := single(h, "Authorization")
	if err != nil {
		return err
	}
	scheme, text, _ := strings.Cut(value, " ")
	given, err := base64.StdEncoding.Strict().DecodeString(text)
	if !strings.EqualFold(scheme, "Basic") || err != nil {
		return fmt.Errorf("%w: Authorization is not that of a user and password", ErrSignature)
	}
	_, password, ok := strings.Cut(string(given), ":")
	if !ok || !secret.matches(password) {
		return ErrSignature
	}
	return nil
}

// Links are those of Services and Server. Base has the collection's parent, such as
// https://server/tfs; an organization's own old address, https://org.visualstudio.com, works
// as well. Compare takes two commits.
func (azure) Links(base string, repo model.Repo) model.Links {
	org, project, name, ok := azureNames(repo)
	if !ok {
		return model.Links{}
	}
	values := map[string]string{"org": org, "project": project, "name": name}
	web := "{web}/{org}/{project}/_git/{name}"
	if u, err := url.Parse(base); err == nil && strings.HasSuffix(strings.ToLower(u.Hostname()), azureOldWeb) {
		web = "{web}/{project}/_git/{name}"
	}
	return webLinks(base, values, model.Links{
		Repo:        web,
		Commit:      web + "/commit/{hash}",
		Branch:      web + "?version=GB{branch}",
		Tag:         web + "?version=GT{tag}",
		Compare:     web + "/branchCompare?baseVersion=GC{from}&targetVersion=GC{to}",
		File:        web + "?path=/{path}&version=GC{hash}[&line={line}&lineEnd={line}&lineStartColumn=1&lineEndColumn=1]",
		PullRequest: web + "/pullrequest/{number}",
	})
}

// azureNames takes a repo's name apart; one that an older version wrote is found by the URL.
func azureNames(repo model.Repo) (org, project, name string, ok bool) {
	parts := strings.Split(repo.Name, "/")
	if a, err := model.ParseAddress(repo.URL); len(parts) != 3 && err == nil {
		parts = strings.Split(azure{}.identify(a).Name, "/")
	}
	if len(parts) != 3 {
		return "", "", "", false
	}
	return parts[0], parts[1], parts[2], true
}

func (azure) service() (string, []string) {
	return "https://" + azureWeb, []string{azureSSH, azureOldSSH}
}

func (azure) hint(code string) string {
	switch code {
	case model.CodeAuthFailed:
		return "Azure DevOps takes RSA keys alone, and a key expires a year after a person added it: look at User settings → SSH public keys of the user that holds it. " +
			"A server of your own must understand rsa-sha2 signatures: 2019 Update 1.2 Patch 4, 2020 Update 1.2 Patch 7, 2022 or later"
	case model.CodeNotFound:
		return "on Azure DevOps the user that holds the key must be a member of the project with the right to read the repository; copy the address again from Clone → SSH, for a renamed project or repository has another"
	case model.CodeUnreachable, model.CodeTimeout:
		return "Azure DevOps Services answers SSH on port 22 alone, not on 443; a server of your own has SSH switched off unless its administrator opened it"
	case model.CodeUnsupported, model.CodeProtocol:
		return "look whether the address is that of a Git repository; TFVC has none"
	}
	return ""
}
