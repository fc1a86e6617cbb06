package store

import (
	"slices"
	"strings"

	"issuetrail/internal/model"
)

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
	var m masks
	for part := range slices.Chunk(rows, pass) {
		held := m.holders(g, nodes(part), tips)
		first, found := slices.BinarySearchFunc(refs, model.HeadPrefix+defaultBranch, func(r model.Ref, name string) int { return strings.Compare(r.Name, name) })
		if !found || defaultBranch == "" {
			first = -1
		} else {
			addBranch(part, held[first], defaultBranch)
		}
		for i, m := range held {
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
