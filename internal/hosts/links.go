package hosts

import (
	"net/url"
	"strings"

	"issuetrail/internal/model"
)

// webLinks fills the templates t for one repository. In each, {web} is base, without
// a slash at its end; the other words are values, each escaped for where it stands, and
// none of them may be empty. Words without a value, such as {hash}, stay. A base that is
// neither http nor https gives no links.
func webLinks(base string, values map[string]string, t model.Links) model.Links {
	web := webBase(base)
	if web == "" {
		return model.Links{}
	}
	for _, v := range values {
		if v == "" {
			return model.Links{}
		}
	}
	for _, l := range []*string{&t.Repo, &t.Commit, &t.Branch, &t.Tag, &t.Compare, &t.File, &t.PullRequest} {
		*l = model.FillTemplate(strings.Replace(*l, "{web}", web, 1), values)
	}
	return t
}

// webBase gives a web address without a slash at its end, and without what must not
// stand in a link; "" for what is none.
func webBase(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return ""
	}
	u.User, u.RawQuery, u.ForceQuery, u.Fragment = nil, "", false, ""
	return strings.TrimRight(u.String(), "/")
}

// named is the values of webLinks for a host whose addresses hold the name as it is.
func named(repo model.Repo) map[string]string { return map[string]string{"name": repo.Name} }
