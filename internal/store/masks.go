package store

import (
	"cmp"
	"math/bits"
	"slices"

	"issuetrail/internal/model"
)

// pass is how many commits, or tips, one pass over the graph serves.
const pass = 64

// countPasses bounds the passes that the tags of an issue cost, for each repo.
const countPasses = 16

// masks is the memory of passes over a graph: 64 bits for each node.
type masks []uint64

func (m *masks) clean(n int) []uint64 {
	if cap(*m) < n {
		*m = make([]uint64, n)
	}
	*m = (*m)[:n]
	clear(*m)
	return *m
}

// lowestOf gives the lowest node; end when there is none.
func lowestOf(nodes []int, end int) int {
	for _, n := range nodes {
		if n >= 0 {
			end = min(end, n)
		}
	}
	return end
}

// holders says for each tip which of at most 64 commits it contains, as bits in the
// order of commits. A tip of -1 contains none.
func (m *masks) holders(g *graph, commits, tips []int) []uint64 {
	out := make([]uint64, len(tips))
	lowest := lowestOf(commits, g.len())
	mask := m.clean(g.len() - lowest)
	for i, c := range commits {
		if c >= 0 {
			mask[c-lowest] |= 1 << i
		}
	}
	low := uint32(lowest)
	for i := range mask {
		set := mask[i]
		for _, p := range g.parents[g.start[lowest+i]:g.start[lowest+i+1]] {
			if p >= low && p != noNode {
				set |= mask[p-low]
			}
		}
		mask[i] = set
	}
	for i, t := range tips {
		if t >= lowest {
			out[i] = mask[t-lowest]
		}
	}
	return out
}

// held counts for each of at most 64 tips how many of the commits it contains, and adds that
// to counts. It is holders the other way round: the bits are those of the tips.
func (m *masks) held(g *graph, commits, tips, counts []int) {
	lowest := lowestOf(commits, g.len())
	mask := m.clean(g.len() - lowest)
	low := uint32(lowest)
	for i, t := range tips {
		if t >= lowest {
			mask[t-lowest] |= 1 << i
		}
	}
	for i := len(mask) - 1; i >= 0; i-- {
		set := mask[i]
		if set == 0 {
			continue
		}
		for _, p := range g.parents[g.start[lowest+i]:g.start[lowest+i+1]] {
			if p >= low && p != noNode {
				mask[p-low] |= set
			}
		}
	}
	for _, c := range commits {
		if c >= 0 {
			addBits(counts, mask[c-lowest])
		}
	}
}

func addBits(counts []int, mask uint64) {
	for ; mask != 0; mask &= mask - 1 {
		counts[bits.TrailingZeros64(mask)]++
	}
}

// counts says of each tip how many of the commits it contains, in as few passes as that takes.
func (g *graph) counts(commits, tips []int) []int {
	var m masks
	out := make([]int, len(tips))
	if len(commits) <= len(tips) {
		for part := range slices.Chunk(commits, pass) {
			for i, mask := range m.holders(g, part, tips) {
				out[i] += bits.OnesCount64(mask)
			}
		}
		return out
	}
	for i := 0; i < len(tips); i += pass {
		end := min(i+pass, len(tips))
		m.held(g, commits, tips[i:end], out[i:end])
	}
	return out
}

// tagsOf gives the tags that contain commits, and how many of them. Where both are many, only
// the newest tags are looked at.
func (g *graph) tagsOf(commits []int, repo int64, refs []model.Ref, tips []int) (out []model.TagLink) {
	var tags, at []int // refs that are tags, and their nodes
	for i := range refs {
		if _, ok := refs[i].Tag(); ok && tips[i] >= 0 {
			tags = append(tags, i)
		}
	}
	if len(commits) > countPasses*pass && len(tags) > countPasses*pass {
		slices.SortFunc(tags, func(a, b int) int { return cmp.Compare(tips[b], tips[a]) })
		tags = tags[:countPasses*pass]
	}
	for _, i := range tags {
		at = append(at, tips[i])
	}
	for i, n := range g.counts(commits, at) {
		if n > 0 {
			name, _ := refs[tags[i]].Tag()
			out = append(out, model.TagLink{RepoID: repo, Name: name, Commits: n})
		}
	}
	return out
}
