package store

import (
	"database/sql"

	"go.uber.org/zap"

	"issuetrail/internal/model"
)

// A member is a repo, or an address that one had, with what its row says of its place.
type member struct {
	id         int64
	host       string
	hostID     string
	undeclared bool
	byHand     bool // it is none of the config's
	at         seat
}

// A roster is all repos and their old addresses, as one transaction works on them.
type roster struct {
	naming
	t     *tx
	all   []*member
	byKey map[string]*member // address_key
	plain map[string]*member // by model.Address.Key: the same server and path, whatever the host says of it
	once  map[string]*member // old address keys; at is the old place
	torn  []tear

	plainOnce map[string]*member // once as plain is byKey
}

// A tear is a repo whose key cannot be what it should be.
type tear struct {
	repo  string // URL
	other string // of the repo that has its key
}

func (s *Store) readRoster(t *tx) (*roster, error) {
	r := &roster{naming: s.naming, t: t, byKey: map[string]*member{}, plain: map[string]*member{}, once: map[string]*member{}, plainOnce: map[string]*member{}}
	err := t.each(`SELECT r.id, r.host, r.host_id, r.undeclared, r.source <> 'config', `+seatColumns+` FROM repo r WHERE r.deleted = 0 ORDER BY r.id`, nil, func(rows *sql.Rows) error {
		m := &member{}
		err := rows.Scan(append([]any{&m.id, &m.host, &m.hostID, &m.undeclared, &m.byHand}, m.at.fields()...)...)
		r.join(m)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, t.each(`SELECT r.id, r.host, a.url, a.address_key FROM repo_alias a JOIN repo r ON r.id = a.repo_id AND r.deleted = 0`, nil, func(rows *sql.Rows) error {
		m := &member{}
		err := rows.Scan(&m.id, &m.host, &m.at.url, &m.at.key)
		r.once[m.at.key] = m
		if a, err := model.ParseAddress(m.at.url); err == nil {
			r.plainOnce[a.Key()] = m
		}
		return err
	})
}

func (r *roster) join(m *member) {
	r.all, r.byKey[m.at.key] = append(r.all, m), m
	if a, err := model.ParseAddress(m.at.url); err == nil && r.plain[a.Key()] == nil {
		r.plain[a.Key()] = m
	}
}

// rehost gives repos that were added by hand to the hosts entry that they belong to now: it may
// have come into the config after them.
func (r *roster) rehost() error {
	for _, m := range r.all {
		a, err := model.ParseAddress(m.at.url)
		if err != nil || !m.byHand {
			continue
		}
		host := r.belongs(m.host, a)
		if host == m.host {
			continue
		}
		m.host = host
		if _, err := r.t.exec(`UPDATE repo SET host = $1, host_id = '', moved_to = '' WHERE id = $2`, host, m.id); err != nil {
			return err
		}
	}
	return nil
}

// rekey brings the rows to what the hosts say of their URLs now. A key that another repo has
// stays as it is: that one may be given up by its owner in the next round.
func (r *roster) rekey() error {
	for changed := true; changed; {
		changed = false
		r.torn = nil
		for _, m := range r.all {
			at, err := r.seat(m.host, m.at.url)
			if err != nil || at == m.at {
				continue
			}
			if other := r.byKey[at.key]; other != nil && other != m {
				r.torn = append(r.torn, tear{m.at.url, other.at.url})
				continue
			}
			if err := r.place(m, at); err != nil {
				return err
			}
			changed = true
		}
	}
	return r.rekeyOnce()
}

// rekeyOnce does the same for old addresses; one that is a repo's is old no more.
func (r *roster) rekeyOnce() error {
	for key, m := range r.once {
		at, err := r.seat(m.host, m.at.url)
		if err == nil && at.key == key && r.byKey[key] == nil {
			continue
		}
		if err := r.forget(key); err != nil {
			return err
		}
		if err != nil || r.byKey[at.key] != nil || r.once[at.key] != nil {
			continue
		}
		_, err = r.t.exec(`INSERT INTO repo_alias (address_key, url, repo_id) VALUES ($1,$2,$3)`, at.key, at.url, m.id)
		if err != nil {
			return err
		}
		m.at.key = at.key
		r.once[at.key] = m
	}
	return nil
}

// place gives a repo its place.
func (r *roster) place(m *member, at seat) error {
	delete(r.byKey, m.at.key)
	m.at = at
	r.byKey[at.key] = m
	return at.take(r.t, m.id)
}

// forget ends an alias.
func (r *roster) forget(key string) error {
	delete(r.once, key)
	return dropAlias(r.t, key)
}

// tell logs each tear once in the life of the store.
func (s *Store) tell(torn []tear) {
	for _, x := range torn {
		if _, told := s.naming.told.LoadOrStore(x, true); !told {
			s.log.Warn("two repositories are one by what their host says of their addresses; remove one of them",
				zap.String("url", x.repo), zap.String("same as", x.other))
		}
	}
}
