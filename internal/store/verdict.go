package store

import (
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"issuetrail/internal/model"
)

// A verdict is what a delivery comes to: the repos that it rings for, and what it teaches
// of repos and their pull requests. It is liberal in the first, for to ring for one repo
// too many costs one look at its refs, and strict in the second.
type verdict struct {
	ids       []int64
	names     []string
	suspended bool   // some repo matches, but is suspended
	everyone  bool   // rings for all repos of the hosts entry; ids is empty then
	reason    string // beside what the status says

	learn   int64    // the repo whose HostID is that of the delivery from now on
	forget  int64    // the repo whose HostID is nobody's any more
	move    int64    // the repo that the host says was renamed
	suspect int64    // the repo that may have moved
	to      seat     // where move or suspect goes
	over    []string // keys of aliases where another repository is now
	of      int64    // the repo of the pull request
	unsure  bool     // it may be that of some repo
}

// renames says that repos change their addresses or ids.
func (v *verdict) renames() bool {
	return v.learn != 0 || v.forget != 0 || v.move != 0 || v.suspect != 0 || len(v.over) > 0
}

func (v *verdict) ring(list ...found) {
	for _, r := range list {
		if r.suspended {
			v.suspended = true
		} else if !slices.Contains(v.ids, r.id) {
			v.ids, v.names = append(v.ids, r.id), append(v.names, r.name)
		}
	}
}

// A judge comes to a verdict. It only reads.
type judge struct {
	verdict
	finder
	naming
	push model.Push
	how  called
	late bool // the delivery is an old one: what it says of addresses and ids may be past
}

// judge finds what a delivery comes to.
func (s *Store) judge(t *tx, d model.Delivery, late bool) (verdict, error) {
	j := judge{finder: finder{t, d.Host}, naming: s.naming, push: d.Push, late: late}
	if d.Push.Everything {
		err := j.all()
		return j.verdict, err
	}
	j.how = s.naming.called(d.Host, d.Push)
	known, err := j.byHostID(d.Push.RepoID)
	if err != nil {
		return j.verdict, err
	}
	if len(known) > 0 {
		err = j.known(known[0])
	} else {
		err = j.unknown()
	}
	if j.push.PullRequest != nil && j.move == 0 && j.suspect == 0 {
		j.unsure = j.of == 0 && len(j.ids) > 0
		j.ids, j.names = nil, nil // it moved no ref
	}
	return j.verdict, err
}

// all rings for the whole hosts entry.
func (j *judge) all() error {
	n := 0
	err := j.t.each(`SELECT name, suspended FROM repo WHERE host = $1 AND deleted = 0 ORDER BY id`, []any{j.host}, func(rows *sql.Rows) error {
		var name string
		var suspended bool
		err := rows.Scan(&name, &suspended)
		switch {
		case suspended:
			j.suspended = true
		case n < keptUpdates:
			j.names = append(j.names, name)
			fallthrough
		default:
			n++
		}
		return err
	})
	if j.everyone = n > 0; j.everyone {
		j.reason = fmt.Sprintf("it names no repository: all %d of the host are queued", n)
	} else if !j.suspended {
		j.reason = "it names no repository, and none of the host is mirrored"
	}
	return err
}

// known is a delivery of a repo whose id is known.
func (j *judge) known(r found) error {
	j.ring(r)
	j.of = r.id
	if j.push.Change == model.ChangeDeleted {
		if !j.late {
			j.forget = r.id
		}
		return nil
	}
	if j.how.own(r) {
		if j.push.Change != model.ChangeRenamed || j.how.name != r.word {
			return nil
		}
		return j.elsewhere(r) // the case of its name, at most
	}
	// It is elsewhere. Whoever is there is rung, too: it may be the same one, added twice.
	near, err := j.byAddress(j.how.spots)
	if err != nil {
		return err
	}
	j.ring(near.all...)
	if len(near.all) > 0 {
		j.of = 0 // id and address mean two: a server that was set up anew has other ids
	}
	j.end(near, r.id)
	return j.elsewhere(r)
}

// end notes the aliases that the delivery puts an end to: it has an id, which is not that of
// their repo.
func (j *judge) end(near atAddress, self int64) {
	for i, r := range near.once {
		if r.id != self && j.push.RepoID != "" && !j.late {
			j.over = append(j.over, near.old[i])
		}
	}
}

// elsewhere is a delivery of a repo by another address than it has here: a rename, if the host
// says so, else a suspicion that the next sync confirms or drops.
func (j *judge) elsewhere(r found) error {
	told, err := j.told(r)
	if err != nil {
		return err
	}
	repo, err := repoByID(j.t, r.id)
	if errors.Is(err, model.ErrNotFound) {
		return nil // removed just now
	}
	if err != nil {
		return err
	}
	to, err := j.seat(j.host, j.moved(repo, j.how.full))
	if err != nil {
		if told {
			j.reason = fmt.Sprintf("%s is now called %q, which makes no address: nothing moved", r.name, j.how.full)
		}
		return nil
	}
	if to.key == r.key && (!told || to.url == repo.URL) {
		return nil
	}
	taken, err := takenFrom(j.t, to.key, r.id, j.host)
	if err != nil {
		return err
	}
	switch {
	case taken:
		j.reason = fmt.Sprintf("%s is now called %s, which is another repository here: nothing moved", r.name, to.name)
	case told:
		j.move, j.to = r.id, to
		j.reason = fmt.Sprintf("%s is now called %s", r.name, to.name)
		if i := slices.Index(j.ids, r.id); i >= 0 {
			j.names[i] = to.name
		}
	case repo.MovedTo != to.url:
		j.suspect, j.to = r.id, to
		j.reason = fmt.Sprintf("%s may be called %s now: its next sync finds out", r.name, to.name)
	}
	return nil
}

// told says whether the host's word is enough to move a repo. It is not where the old name is
// that of another repo here.
func (j *judge) told(r found) (bool, error) {
	if j.push.Change != model.ChangeRenamed || j.late {
		return false, nil
	}
	was, err := j.byName(matchName(j.push.Was))
	return !slices.ContainsFunc(was, func(o found) bool { return o.word != r.word }), err
}

// unknown is a delivery without an id, or with one that no repo has yet: it is matched by
// address, else by name, else by the end of a name.
func (j *judge) unknown() error {
	near, err := j.byAddress(j.how.spots)
	if err != nil {
		return err
	}
	j.end(near, 0)
	if j.push.Change == model.ChangeRenamed {
		if done, err := j.renamed(near); err != nil || done {
			return err
		}
	}
	j.ring(near.all...)
	if j.push.RepoID == "" {
		j.ring(near.once...)
	}
	if err := j.means(near.meant(), true); err != nil {
		return err
	}
	if len(j.ids) > 0 || j.suspended {
		return nil
	}
	named, err := j.byName(j.how.name)
	if err != nil {
		return err
	}
	j.ring(named...)
	if len(named) > 0 {
		return j.means(named, j.how.bare)
	}
	ends, err := j.byEnd(j.how.name)
	j.ring(ends...)
	return err
}

// learns gives a repo the delivery's id, if it has none.
func (j *judge) learns(r found) {
	if r.hostID == "" && j.push.RepoID != "" && j.push.Change != model.ChangeDeleted && !j.late {
		j.learn = r.id
	}
}

// renamed matches a rename by the old name. It says whether nothing more is to be found.
func (j *judge) renamed(near atAddress) (bool, error) {
	was, err := j.byName(matchName(j.push.Was))
	if err != nil {
		return false, err
	}
	was = slices.DeleteFunc(was, func(r found) bool {
		return slices.ContainsFunc(near.all, func(o found) bool { return o.id == r.id })
	})
	j.ring(was...)
	switch {
	case len(was) == 0:
		return false, nil
	case len(near.all) > 0:
		j.reason = fmt.Sprintf("%s is now called %s, which is another repository here: nothing moved", was[0].name, near.all[0].name)
		return false, nil
	case len(was) > 1:
		j.reason = fmt.Sprintf("several repositories are called %s: nothing moved", was[0].name)
		return true, nil
	case was[0].hostID != "":
		j.reason = fmt.Sprintf("%s has another id than the delivery: nothing moved", was[0].name)
		return true, nil
	case j.late: // an old name alone gives no suspicion: a fork may have the new one today
		return true, nil
	}
	err = j.elsewhere(was[0])
	if j.move != 0 {
		j.learns(was[0])
	}
	return true, err
}
