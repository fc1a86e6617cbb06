package model

import (
	"net/url"
	"strings"
)

// Links are the web addresses of one repo, as templates: {hash}, {branch} and
// the like are replaced, each path segment escaped. An empty template gives no
// link.
type Links struct {
	Repo   string // https://github.com/acme/app
	Commit string // …/commit/{hash}
	Branch string // …/tree/{branch}
}

// CommitURL is the page of a commit, or "".
func (l Links) CommitURL(h Hash) string { return strings.ReplaceAll(l.Commit, "{hash}", h.String()) }

// BranchURL is the page of a branch, or "". The slashes of its name stay.
func (l Links) BranchURL(name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.ReplaceAll(l.Branch, "{branch}", strings.Join(parts, "/"))
}
