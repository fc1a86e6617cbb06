package keystore

import (
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// roles are the stored keys by their role.
type roles map[model.KeyRole]model.SealedKey

func byRole(rows []model.SealedKey) roles {
	r := roles{}
	for _, row := range rows {
		r[row.Role] = row
	}
	return r
}

// activate makes a key the active one, and the active one the previous one.
func (r roles) activate(key model.SealedKey) {
	if old, ok := r[model.KeyActive]; ok && old.PublicKey != key.PublicKey {
		r[model.KeyPrevious] = old
	}
	r[model.KeyActive] = key
}

// stored gives the key as it is stored in any role, if it opens there, or else row as it is.
func (r roles) stored(row model.SealedKey, m masters) model.SealedKey {
	for _, old := range r.list() {
		if old.PublicKey != row.PublicKey {
			continue
		}
		if text, _, err := m.unseal(old.Cipher); err == nil {
			clear(text)
			return old
		}
		row.InstalledAt = old.InstalledAt
	}
	return row
}

// list gives what is to be stored. A key that is active has no other role.
func (r roles) list() (rows []model.SealedKey) {
	active := r[model.KeyActive].PublicKey
	for role, row := range r {
		if role != model.KeyActive && row.PublicKey == active {
			continue
		}
		row.Role = role
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b model.SealedKey) int { return strings.Compare(string(a.Role), string(b.Role)) })
	return rows
}
