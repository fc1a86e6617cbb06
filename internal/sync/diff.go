package sync

import (
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// maxHaves bounds the commits that a fetch offers. Few are best: each costs the server time.
const maxHaves = 64

// sorted gives refs in the order of the bytes of their names. They mostly are, but the
// collation of a database may see it otherwise.
func sorted(refs []model.Ref) []model.Ref {
	byName := func(a, b model.Ref) int { return strings.Compare(a.Name, b.Name) }
	if !slices.IsSortedFunc(refs, byName) {
		refs = slices.SortedFunc(slices.Values(refs), byName)
	}
	return refs
}

// diffRefs gives the ref updates that lead from the stored refs to those now listed, by
// name. Both are sorted by name.
func diffRefs(stored, listed []model.Ref) []model.RefUpdate {
	var out []model.RefUpdate
	for len(stored) > 0 || len(listed) > 0 {
		order := 0
		switch {
		case len(stored) == 0:
			order = 1
		case len(listed) == 0:
			order = -1
		default:
			order = strings.Compare(stored[0].Name, listed[0].Name)
		}
		switch {
		case order < 0:
			out = append(out, model.RefUpdate{Name: stored[0].Name, Old: stored[0].Tip})
			stored = stored[1:]
		case order > 0:
			out = append(out, model.RefUpdate{Name: listed[0].Name, New: listed[0].Tip, Peeled: listed[0].Peeled})
			listed = listed[1:]
		default:
			if stored[0].Tip != listed[0].Tip {
				out = append(out, model.RefUpdate{
					Name: listed[0].Name, Old: stored[0].Tip, New: listed[0].Tip, Peeled: listed[0].Peeled,
				})
			}
			stored, listed = stored[1:], listed[1:]
		}
	}
	return out
}

// commitOf is the commit that an update leads to.
func commitOf(u model.RefUpdate) model.Hash { return model.Ref{Tip: u.New, Peeled: u.Peeled}.Commit() }

// offers gives the commits to offer as haves, best first:
//
//  1. the old tips of the refs that changed
//  2. the tip of the default branch: after a force-push the server may have lost the old tip
//  3. for each created ref its neighbours by name, likely the release before it
//
// With them the server sends what is new, and little else. All are commits of the store.
func offers(stored []model.Ref, updates []model.RefUpdate, defaultRef string) []model.Hash {
	var out []model.Hash
	seen := map[model.Hash]bool{}
	add := func(i int) {
		if i < 0 || i >= len(stored) || len(out) == maxHaves {
			return
		}
		if h := stored[i].Commit(); !seen[h] {
			seen[h] = true
			out = append(out, h)
		}
	}
	find := func(name string) (int, bool) {
		return slices.BinarySearchFunc(stored, name, func(r model.Ref, n string) int { return strings.Compare(r.Name, n) })
	}
	reserve := maxHaves - 1
	for _, u := range updates {
		if i, ok := find(u.Name); ok && !u.New.IsZero() && len(out) < reserve {
			add(i)
		}
	}
	if i, ok := find(defaultRef); ok {
		add(i)
	}
	for _, u := range updates {
		if u.Old.IsZero() {
			i, _ := find(u.Name)
			add(i - 1)
			add(i)
		}
	}
	return out
}

// branchLinks gives the issue keys in the names of created branches.
func branchLinks(repoID int64, updates []model.RefUpdate, keys func(string) []model.IssueKey) []model.BranchLink {
	var out []model.BranchLink
	for _, u := range updates {
		name, ok := model.Ref{Name: u.Name}.Branch()
		if !ok || !u.Old.IsZero() {
			continue
		}
		for _, key := range keys(name) {
			out = append(out, model.BranchLink{Key: key, RepoID: repoID, Name: name, Tip: commitOf(u)})
		}
	}
	return out
}

// peel notes the commits of tag objects that only the fetch told.
func peel(updates []model.RefUpdate, tags map[model.Hash]model.Hash) {
	for i, u := range updates {
		if c, ok := tags[u.New]; ok && u.Peeled.IsZero() {
			updates[i].Peeled = c
		}
	}
}
