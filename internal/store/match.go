package store

import (
	"database/sql"
	"net/url"
	"strings"

	"issuetrail/internal/model"
)

// matchPath is how a repo is looked up by any address: server and path in lower
// case, without port, user, scheme and ".git".
func matchPath(host, name string) string { return strings.ToLower(host + "/" + name) }

// matchRepos finds the repos of a host that a push may be about: by any of its
// addresses, else by its name, else by the end of a repo's name. It is liberal, for
// a delivery only rings: to ring for one repo too many costs one look at its refs.
func matchRepos(t *tx, host string, p model.Push) (matched, error) {
	var m matched
	tried := map[string]bool{}
	for _, u := range p.URLs {
		path := pathOf(u)
		if path == "" || tried[path] {
			continue
		}
		tried[path] = true
		if err := m.find(t, `match_path = $2`, host, path); err != nil {
			return m, err
		}
	}
	name := strings.ToLower(strings.TrimSuffix(strings.Trim(p.RepoName, "/"), ".git"))
	if len(m.ids) > 0 || m.suspended || name == "" {
		return m, nil
	}
	if err := m.find(t, `match_name = $2`, host, name); err != nil || len(m.ids) > 0 || m.suspended {
		return m, err
	}
	return m, m.find(t, `substr(match_name, length(match_name) - length($2) + 1) = $2`, host, "/"+name)
}

func (m *matched) find(t *tx, where, host, word string) error {
	return t.each(`SELECT id, name, suspended FROM repo WHERE host = $1 AND deleted = 0 AND `+where+` ORDER BY id`, []any{host, sane(word)}, func(rows *sql.Rows) error {
		var id int64
		var name string
		var suspended bool
		if err := rows.Scan(&id, &name, &suspended); err != nil {
			return err
		}
		if suspended {
			m.suspended = true
		} else if !m.has(id) {
			m.ids, m.names = append(m.ids, id), append(m.names, name)
		}
		return nil
	})
}

// pathOf gives the matchPath of a clone or web address, "" for what is none.
func pathOf(s string) string {
	if a, err := model.ParseAddress(s); err == nil {
		return matchPath(a.Host, a.Name())
	}
	u, err := url.Parse(s)
	if err != nil || u.Host == "" {
		return ""
	}
	return matchPath(u.Hostname(), strings.TrimSuffix(strings.Trim(u.Path, "/"), ".git"))
}
