package main

import (
	"strings"

	"issuetrail/internal/config"
	"issuetrail/internal/hosts"
	"issuetrail/internal/model"
)

// links are the web addresses of a repository: those that its kind of host makes, with the
// templates of the config before them.
func (d *directory) links(r model.Repo) model.Links {
	a, err := model.ParseAddress(r.URL)
	if err != nil {
		return model.Links{}
	}
	e, kind := d.entryOf(r.Host, a)
	web := ""
	if e != nil {
		web = e.WebURL
	}
	if web == "" && hosts.KindOf(a) == kind {
		web = hosts.DefaultWeb(kind)
	}
	var l model.Links
	if h, ok := hosts.ByKind(kind); ok && web != "" {
		l = h.Links(web, r)
	}
	if e != nil && e.Links != (config.Links{}) {
		override(&l, e.Links, web, r.Name)
	}
	return l
}

// override puts the templates of the config into l, filled but for the words of one page.
// A template with {web} gives no link where no web address is known.
func override(l *model.Links, own config.Links, web, repo string) {
	project, name := "", repo
	if i := strings.LastIndexByte(repo, '/'); i >= 0 {
		project, name = repo[:i], repo[i+1:]
	}
	words := map[string]string{"repo": repo, "project": project, "name": name}
	for _, t := range []struct {
		to       *string
		template string
	}{
		{&l.Repo, own.Repo},
		{&l.Commit, own.Commit},
		{&l.Branch, own.Branch},
		{&l.Tag, own.Tag},
		{&l.Compare, own.Compare},
		{&l.File, own.File},
		{&l.PullRequest, own.PullRequest},
	} {
		switch {
		case t.template == "":
		case web == "" && strings.Contains(t.template, "{web}"):
			*t.to = ""
		default:
			*t.to = model.FillTemplate(strings.ReplaceAll(t.template, "{web}", web), words)
		}
	}
}
