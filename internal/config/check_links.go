package config

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// commonWords are in every template: the host's web_url, the repository's name and its
// two parts. They are filled in once for each repository.
var commonWords = []string{"web", "repo", "project", "name"}

// commonInBrackets finds a common word in brackets. These are for what one page of a
// repository has and another has not.
var commonInBrackets = regexp.MustCompile(`\[[^\]]*\{(` + strings.Join(commonWords, "|") + `)(:all)?\}`)

// A linkPage is a key of links: its template, the words without which all its links would
// be one, and the other words that it may hold.
type linkPage struct {
	key, template string
	needs, more   []string
}

// pages lists all keys of links.
func (l Links) pages() []linkPage {
	return []linkPage{
		{"repo", l.Repo, nil, nil},
		{"commit", l.Commit, []string{"hash"}, nil},
		{"branch", l.Branch, []string{"branch"}, nil},
		{"tag", l.Tag, []string{"tag"}, nil},
		{"compare", l.Compare, []string{"from", "to"}, nil},
		{"file", l.File, []string{"path"}, []string{"hash", "line"}},
		{"pull_request", l.PullRequest, []string{"number"}, nil},
	}
}

// links checks the templates of a hosts entry.
func (c *checker) links(path string, h *Host) {
	for _, p := range h.Links.pages() {
		c.template(join(path, p.key), p, h)
	}
}

// template checks one template: a web address that names what differs from page to page.
func (c *checker) template(path string, p linkPage, h *Host) {
	text := p.template
	if text == "" {
		return
	}
	if c.Template != nil {
		if err := c.Template(text, slices.Concat(commonWords, p.needs, p.more)...); err != nil {
			c.again(path, "%v", err)
			return
		}
	}
	u, err := url.Parse(strings.ReplaceAll(text, "{web}", "https://web"))
	switch {
	case err != nil || u.Host == "" || strings.HasPrefix(text, "{web}") && u.Host != "web":
		c.again(path, "is not a web address; want https://host/… or {web}/…, with no word in the host's name")
	case u.User != nil:
		c.again(path, "holds a user name or password; leave it out")
	case commonInBrackets.MatchString(text):
		c.again(path, "has one of {%s} in brackets; these are for words of one page, such as {line}", strings.Join(commonWords, "} {"))
	case strings.Contains(text, "{web}") && h.WebURL == "" && (c.Web == nil || c.Web(h.Kind) == "") && !c.refused(strings.TrimSuffix(path, ".links."+p.key)+".web_url"):
		c.again(path, "holds {web}, and web_url is not given")
	}
	for _, word := range p.needs {
		if !strings.Contains(text, "{"+word+"}") && !strings.Contains(text, "{"+word+":all}") {
			c.again(path, "does not hold {%s}, so that all links would be one", word)
			return
		}
	}
}
