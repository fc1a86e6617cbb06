package model

import "strconv"

// Links are the web addresses of one repo, as templates; see Template. An empty
// template gives no link.
type Links struct {
	Repo        string // https://github.com/acme/app
	Commit      string // …/commit/{hash}
	Branch      string // …/tree/{branch}
	Tag         string // …/releases/tag/{tag}
	Compare     string // …/compare/{from}...{to}
	File        string // …/blob/{hash}/{path}[#L{line}]
	PullRequest string // …/pull/{number}
}

// CommitURL is the page of a commit, or "".
func (l Links) CommitURL(h Hash) string {
	return Expand(l.Commit, map[string]string{"hash": h.String()})
}

// BranchURL is the page of a branch, given by its short name, or "".
func (l Links) BranchURL(name string) string {
	return Expand(l.Branch, map[string]string{"branch": name})
}

// TagURL is the page of a tag, given by its short name, or "".
func (l Links) TagURL(name string) string { return Expand(l.Tag, map[string]string{"tag": name}) }

// CompareURL is the page of what lies between two commits or branches, or "".
func (l Links) CompareURL(from, to string) string {
	return Expand(l.Compare, map[string]string{"from": from, "to": to})
}

// FileURL is the page of a file as of a commit, or ""; line 0 names none.
func (l Links) FileURL(h Hash, path string, line int) string {
	values := map[string]string{"hash": h.String(), "path": path}
	if line > 0 {
		values["line"] = strconv.Itoa(line)
	}
	return Expand(l.File, values)
}

// PullRequestURL is the page of a pull or merge request, or "".
func (l Links) PullRequestURL(number int64) string {
	return Expand(l.PullRequest, map[string]string{"number": strconv.FormatInt(number, 10)})
}
