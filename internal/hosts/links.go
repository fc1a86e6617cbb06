package hosts

import (
	"net/url"
	"strings"

	"issuetrail/internal/model"
)

// webLinks builds the templates of a repo under base, each segment of its name
// escaped; without an http or https base there are none.
func webLinks(base, name, commit, branch string) model.Links {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || name == "" {
		return model.Links{}
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	repo := strings.TrimRight(u.String(), "/") + "/" + strings.Join(parts, "/")
	return model.Links{Repo: repo, Commit: repo + commit, Branch: repo + branch}
}
