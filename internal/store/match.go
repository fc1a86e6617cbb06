package store

import (
	"database/sql"
	"errors"
	"net/url"
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// mostURLs bounds the addresses of a delivery that are looked at.
const mostURLs = 16

// A spot is what one address of a delivery says.
type spot struct {
	key   string // Identity.Key; of a web address, of what SSH would have on port 22
	path  string // matchPath
	exact bool   // a clone address names the repository exactly, a web address not always
}

// A called is how a delivery calls its repository.
type called struct {
	spots []spot
	full  string // name, as it is written
	name  string // matchName of it
	bare  bool   // it gives no address at all
}

func (n naming) called(host string, p model.Push) called {
	c := called{full: plainName(p.RepoName), name: matchName(p.RepoName), bare: len(p.URLs) == 0}
	for _, u := range p.URLs[:min(len(p.URLs), mostURLs)] {
		a, err := model.ParseAddress(u)
		if err == nil {
			c.add(spot{n.identity(host, a).Key, sane(matchPath(a.Host, a.Name())), true})
		}
		if err == nil && !a.HTTPS() {
			continue
		}
		if a, ok := webAddress(u); ok {
			c.add(spot{n.identity(host, a).Key, sane(matchPath(a.Host, a.Name())), false})
		}
	}
	return c
}

func (c *called) add(s spot) {
	i := slices.IndexFunc(c.spots, func(o spot) bool { return o.key == s.key && o.path == s.path })
	if i < 0 {
		c.spots = append(c.spots, s)
		return
	}
	c.spots[i].exact = c.spots[i].exact || s.exact
}

// webAddress gives what SSH would have on port 22 of what a web address names. One with
// https:// may be a clone address as well.
func webAddress(s string) (model.Address, bool) {
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" || strings.Trim(u.Path, "/") == "" {
		return model.Address{}, false
	}
	return model.Address{User: "git", Host: strings.ToLower(u.Hostname()), Port: 22, Path: strings.Trim(u.Path, "/")}, true
}

// own says whether the delivery calls the repo as it is called here. A short name is no
// other name.
func (c called) own(r found) bool {
	if len(c.spots) == 0 && (c.name == "" || strings.HasSuffix(r.word, "/"+c.name)) || c.name == r.word {
		return true
	}
	return slices.ContainsFunc(c.spots, func(s spot) bool { return s.key == r.key || s.path == r.path })
}

// A found repo is what Accept must know of one.
type found struct {
	id        int64
	name      string
	suspended bool
	hostID    string
	key       string // address_key
	path      string // match_path
	word      string // match_name
}

const foundColumns = `SELECT r.id, r.name, r.suspended, r.host_id, r.address_key, r.match_path, r.match_name FROM repo r `

// A finder looks for the repos of one hosts entry.
type finder struct {
	t    *tx
	host string
}

// find gives the repos of a condition, whose parameters begin with $2.
func (f finder) find(where string, args ...any) (list []found, err error) {
	err = f.t.each(foundColumns+where+` ORDER BY r.id`, append([]any{f.host}, args...), func(rows *sql.Rows) error {
		var r found
		err := rows.Scan(&r.id, &r.name, &r.suspended, &r.hostID, &r.key, &r.path, &r.word)
		list = append(list, r)
		return err
	})
	return list, err
}

func (f finder) byHostID(id string) ([]found, error) {
	if id == "" {
		return nil, nil
	}
	return f.find(`WHERE r.host = $1 AND r.host_id = $2 AND r.host_id <> '' AND r.deleted = 0`, sane(id))
}

func (f finder) byName(name string) ([]found, error) {
	if name == "" {
		return nil, nil
	}
	return f.find(`WHERE r.host = $1 AND r.match_name = $2 AND r.deleted = 0`, name)
}

func (f finder) byEnd(name string) ([]found, error) {
	if name == "" {
		return nil, nil
	}
	return f.find(`WHERE r.host = $1 AND substr(r.match_name, length(r.match_name) - length($2) + 1) = $2 AND r.deleted = 0`, "/"+name)
}

// An atAddress is what is found by the addresses of a delivery.
type atAddress struct {
	all   []found  // that are there now
	exact []found  // of them, those that a clone address names
	once  []found  // that were there, and are elsewhere now
	old   []string // the keys of the aliases of once
}

// meant gives the repos that the addresses mean, best one.
func (a atAddress) meant() []found {
	if len(a.exact) > 0 {
		return a.exact
	}
	return a.all
}

func (f finder) byAddress(spots []spot) (a atAddress, err error) {
	for _, s := range spots {
		there, err := f.there(s)
		if err != nil {
			return a, err
		}
		taken := false
		for _, r := range there {
			a.all = with(a.all, r)
			if taken = taken || r.key == s.key; r.key == s.key && s.exact {
				a.exact = with(a.exact, r)
			}
		}
		if taken {
			continue // an address is a repo's, or an old one
		}
		once, err := f.find(`JOIN repo_alias a ON a.repo_id = r.id WHERE r.host = $1 AND a.address_key = $2 AND r.deleted = 0`, s.key)
		if err != nil {
			return a, err
		}
		for _, r := range once {
			a.once, a.old = append(a.once, r), append(a.old, s.key)
		}
	}
	return a, nil
}

// there gives the repos that an address may mean. A clone address means the repo of its key; any
// other means all of its path, for it says nothing of the SSH port.
func (f finder) there(s spot) ([]found, error) {
	const byKey, byPath = `WHERE r.host = $1 AND r.address_key = $2 AND r.deleted = 0`, `WHERE r.host = $1 AND r.match_path = $2 AND r.deleted = 0`
	if s.exact {
		list, err := f.find(byKey, s.key)
		if err != nil || len(list) > 0 {
			return list, err
		}
		return f.find(byPath, s.path)
	}
	list, err := f.find(byPath, s.path)
	if err != nil || slices.ContainsFunc(list, func(r found) bool { return r.key == s.key }) {
		return list, err
	}
	more, err := f.find(byKey, s.key)
	return append(list, more...), err
}

func with(list []found, r found) []found {
	if slices.ContainsFunc(list, func(o found) bool { return o.id == r.id }) {
		return list
	}
	return append(list, r)
}

// means takes the delivery for one of the very repo that is listed, if it is one, which may
// learn its id. Where a host tells names apart by case alone, one that is written in another
// case is another repository.
func (j *judge) means(list []found, learn bool) error {
	var meant []found
	for _, r := range list {
		other, err := j.otherCase(r)
		if err != nil {
			return err
		}
		if !other {
			meant = append(meant, r)
		}
	}
	if len(meant) != 1 {
		return nil
	}
	if j.of = meant[0].id; learn {
		j.learns(meant[0])
	}
	return nil
}

func (j *judge) otherCase(r found) (bool, error) {
	if r.name == j.how.full || !strings.EqualFold(r.name, j.how.full) {
		return false, nil
	}
	repo, err := repoByID(j.t, r.id)
	if errors.Is(err, model.ErrNotFound) {
		return true, nil // removed just now
	}
	if err != nil {
		return false, err
	}
	at, err := j.seat(j.host, j.moved(repo, j.how.full))
	return err == nil && at.key != r.key, nil
}
