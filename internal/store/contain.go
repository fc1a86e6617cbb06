package store

import (
	"slices"
	"strings"

	"issuetrail/internal/model"
)

// pass is how many commits one pass over the graph serves.
const pass = 64

// locate finds the links' commits in the graph.
func (g *graph) locate(rows []*linkRow) {
	for _, l := range rows {
		if l.node = g.at(l.segment, l.pos); l.node >= 0 {
			l.hash = g.index.hashes[g.stored[l.node]]
		}
	}
}

func nodes(rows []*linkRow) []int {
	list := make([]int, len(rows))
	for i, l := range rows {
		list[i] = l.node
	}
	return list
}

// contained fills in which branches contain the links' commits: how many, and the names
// of some, the default branch first, then by name.
func (g *graph) contained(rows []*linkRow, refs []model.Ref, tips []int, defaultBranch string) {
	for part := range slices.Chunk(rows, pass) {
		masks := g.holders(nodes(part), tips)
		first, found := slices.BinarySearchFunc(refs, model.HeadPrefix+defaultBranch, func(r model.Ref, name string) int { return strings.Compare(r.Name, name) })
		if !found || defaultBranch == "" {
			first = -1
		} else {
			addBranch(part, masks[first], defaultBranch)
		}
		for i, m := range masks {
			if m == 0 || i == first {
				continue
			}
			if name, ok := refs[i].Branch(); ok {
				addBranch(part, m, name)
			}
		}
	}
}

func addBranch(rows []*linkRow, mask uint64, name string) {
	for i, l := range rows {
		if mask>>i&1 == 0 {
			continue
		}
		if l.count++; l.count <= namedBranches {
			l.branches = append(l.branches, name)
		}
	}
}

// tagsOf gives the tags that contain commits of the links.
func (g *graph) tagsOf(rows []*linkRow, repo int64, refs []model.Ref, tips []int) (out []model.TagLink) {
	g.locate(rows)
	var tags, at []int // refs that are tags, and their nodes
	for i := range refs {
		if _, ok := refs[i].Tag(); ok && tips[i] >= 0 {
			tags, at = append(tags, i), append(at, tips[i])
		}
	}
	if len(tags) == 0 {
		return nil
	}
	counts := make([]int, len(tags))
	for part := range slices.Chunk(rows, pass) {
		for i, m := range g.holders(nodes(part), at) {
			for ; m != 0; m &= m - 1 {
				counts[i]++
			}
		}
	}
	for i, n := range counts {
		if n > 0 {
			name, _ := refs[tags[i]].Tag()
			out = append(out, model.TagLink{RepoID: repo, Name: name, Commits: n})
		}
	}
	return out
}
