package main

import (
	"strings"

	"go.uber.org/zap"

	"issuetrail/internal/mirror"
	"issuetrail/internal/model"
)

// standIn tells that the key before works where the active one does not: syncs go well, and nobody would
// notice before the key before is dropped.
func (a *app) standIn(s mirror.StandIn) {
	a.watch.stoodIn(s)
	log := a.log.Named("key").With(zap.String("server", s.To.HostPort()), zap.String("user", s.To.User), zap.String("fingerprint", s.Key))
	if !s.All {
		log = log.With(zap.String("repository", s.To.Name()))
	}
	switch {
	case s.Over:
		log.Info("the active SSH key works where the one before it was needed")
	case s.All:
		log.Warn("the server refuses the active SSH key; the one before it is used", zap.String("hint", activeHint))
	default:
		log.Warn("the repository is not shown to the active SSH key; the one before it is used", zap.String("hint", activeHint))
	}
}

const activeHint = "give the active key to the account before the previous one is dropped: issuetrail key show --public prints it"

// A standIn says which key works in the place of which.
type standIn struct{ first, key string }

// stoodIn keeps for the status where the key before is needed.
func (w *keyWatch) stoodIn(s mirror.StandIn) {
	at := place(s.To) + " " + s.To.User
	if !s.All {
		at += " " + s.To.Path
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.standIns, at)
	if s.Over {
		return
	}
	if w.standIns == nil || len(w.standIns) >= maxTrials {
		w.standIns = map[string]standIn{}
	}
	w.standIns[at] = standIn{s.First, s.Key}
}

// previousNeeded says whether the previous key works at a server where the active one does not. What was found
// with other keys, or in other roles, says nothing. The watch's mutex is held.
func (m *matrix) previousNeeded(to model.Address) bool {
	var now standIn
	for _, k := range m.infos {
		switch k.Role {
		case model.KeyActive:
			now.first = k.Fingerprint
		case model.KeyPrevious:
			now.key = k.Fingerprint
		}
	}
	for at, s := range m.standIns {
		if s == now && strings.HasPrefix(at, place(to)+" ") {
			return true
		}
	}
	return false
}
