package store

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"issuetrail/internal/model"
)

// A naming is what the hosts say of addresses, and the rules for pull requests: the functions
// of Options, none of them nil.
type naming struct {
	identify func(host string, a model.Address) model.Identity
	belongs  func(host string, a model.Address) string
	moved    func(r model.Repo, name string) string
	keys     func(r model.Repo, p model.PullRequest) []model.IssueKey
	told     *sync.Map // conflicts that were logged
}

func newNaming(o Options) naming {
	n := naming{o.Identify, o.Belongs, o.Moved, o.PullRequestKeys, &sync.Map{}}
	if n.identify == nil {
		n.identify = func(_ string, a model.Address) model.Identity { return a.Identity() }
	}
	if n.belongs == nil {
		n.belongs = func(host string, _ model.Address) string { return host }
	}
	if n.moved == nil {
		n.moved = func(model.Repo, string) string { return "" }
	}
	if n.keys == nil {
		n.keys = func(model.Repo, model.PullRequest) []model.IssueKey { return nil }
	}
	return n
}

// identity is what identify says, fit for PostgreSQL.
func (n naming) identity(host string, a model.Address) model.Identity {
	id := n.identify(host, a)
	return model.Identity{Key: sane(id.Key), Name: sane(id.Name)}
}

// A seat is where a repo is: the columns of its row that follow from its URL.
type seat struct {
	url    string
	server string // SSH host:port
	key    string // address_key
	name   string
	path   string // match_path
	word   string // match_name
}

// seat gives the place of a URL. The error is a Failure of code url_invalid.
func (n naming) seat(host, url string) (seat, error) {
	a, err := model.ParseAddress(url)
	if err != nil {
		return seat{}, err
	}
	id := n.identity(host, a)
	return seat{model.KeptURL(url), a.HostPort(), id.Key, id.Name, sane(matchPath(a.Host, a.Name())), matchName(id.Name)}, nil
}

const (
	seatColumns = `r.url, r.server, r.address_key, r.name, r.match_path, r.match_name`
	setSeat     = `UPDATE repo SET url = $2, server = $3, address_key = $4, name = $5, match_path = $6, match_name = $7`
)

// fields are where seatColumns are scanned into.
func (s *seat) fields() []any { return []any{&s.url, &s.server, &s.key, &s.name, &s.path, &s.word} }

// values are for setSeat, in its order.
func (s seat) values(id int64) []any {
	return []any{id, s.url, s.server, s.key, s.name, s.path, s.word}
}

// take gives the repo id its place.
func (s seat) take(t *tx, id int64) error {
	_, err := t.exec(setSeat+` WHERE id = $1`, s.values(id)...)
	return err
}

// moveRepo gives a repo another place, and keeps its old one as an alias. Nobody else may
// have the place. A suspicion is over with it.
func moveRepo(t *tx, id int64, to seat) error {
	var from seat
	if err := t.row(`SELECT `+seatColumns+` FROM repo r WHERE r.id = $1`, id).Scan(from.fields()...); err != nil {
		return err
	}
	if err := dropAlias(t, to.key); err != nil {
		return err
	}
	if from.key != to.key {
		_, err := t.exec(`INSERT INTO repo_alias (address_key, url, repo_id) VALUES ($1,$2,$3)
			ON CONFLICT (address_key) DO UPDATE SET url = excluded.url, repo_id = excluded.repo_id`, from.key, from.url, id)
		if err != nil {
			return err
		}
	}
	_, err := t.exec(setSeat+`, moved_to = '' WHERE id = $1`, to.values(id)...)
	return err
}

func dropAlias(t *tx, key string) error {
	_, err := t.exec(`DELETE FROM repo_alias WHERE address_key = $1`, key)
	return err
}

// repoAt gives the repo that has an address key now, 0 for none.
func repoAt(t *tx, key string) (id int64, err error) {
	return oneID(t.row(`SELECT id FROM repo WHERE address_key = $1 AND deleted = 0`, key))
}

// repoOnceAt gives the repo that had an address key before it moved, 0 for none.
func repoOnceAt(t *tx, key string) (id int64, err error) {
	return oneID(t.row(`SELECT a.repo_id FROM repo_alias a JOIN repo r ON r.id = a.repo_id AND r.deleted = 0 WHERE a.address_key = $1`, key))
}

// takenFrom says whether the repo id of a hosts entry must not move to an address: another repo
// has it, or one of another entry had it. For who knows the secret of one entry has no say in
// what an address of another means; the config may still write it.
func takenFrom(t *tx, key string, id int64, host string) (bool, error) {
	other, err := repoAt(t, key)
	if err != nil || other != 0 {
		return other != id, err
	}
	other, err = oneID(t.row(`SELECT a.repo_id FROM repo_alias a JOIN repo r ON r.id = a.repo_id AND r.deleted = 0
		WHERE a.address_key = $1 AND r.host <> $2`, key, host))
	return other != 0, err
}

func oneID(row scanner) (id int64, err error) {
	if err = row.Scan(&id); errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return id, err
}

// lockNames lets one transaction at a time change addresses and ids of repos.
func (t *tx) lockNames() error {
	if t.sql.lockNames == "" {
		return nil
	}
	if _, err := t.exec(t.sql.lockNames); err != nil {
		return fmt.Errorf("wait for another change of a repository's name: %w", err)
	}
	return nil
}

// matchPath is how a repo is looked up by any address: server and path in lower
// case, without port, user, scheme and ".git".
func matchPath(host, name string) string { return strings.ToLower(host + "/" + name) }

// matchName is how a repo is looked up by its name.
func matchName(name string) string { return strings.ToLower(plainName(name)) }

// plainName is a name as Identity has it.
func plainName(name string) string {
	return strings.TrimSuffix(strings.Trim(sane(name), "/"), ".git")
}
