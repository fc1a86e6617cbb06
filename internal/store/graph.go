package store

import "issuetrail/internal/model"

// A graph is the history of one repo in memory: which commits there are and which are
// their parents. Commits have two numbers: the *stored* one follows the segments,
// the *node* one is topological, parents before children, so that one pass over
// an array answers what contains what. It only grows.
type graph struct {
	segs    []graphSeg
	index   hashIndex // by stored number
	nodeOf  []uint32  // by stored number
	stored  []uint32  // by node
	start   []uint32  // by node: where its parents begin; one more at the end
	parents []uint32  // nodes
	missing map[model.Hash]struct{}
}

// A graphSeg is where a segment lies among the stored numbers.
type graphSeg struct {
	id   int64
	base int
	n    int
}

func newGraph() *graph {
	return &graph{start: []uint32{0}, missing: map[model.Hash]struct{}{}}
}

func (g *graph) len() int { return len(g.stored) }

func (g *graph) last() int64 {
	if len(g.segs) == 0 {
		return 0
	}
	return g.segs[len(g.segs)-1].id
}

func (g *graph) bytes() int64 {
	return g.index.bytes() + int64(4*(cap(g.nodeOf)+cap(g.stored)+cap(g.start)+cap(g.parents))+24*cap(g.segs)+40*len(g.missing))
}

// A loadedSeg is a segment as it is read for a graph.
type loadedSeg struct {
	id              int64
	commits         int
	hashes, parents []byte
}

// grow appends segments. It says false when one of them holds a parent that was missing
// before: then the topological order is no longer right, and the graph must be
// made anew.
func (g *graph) grow(segs []loadedSeg) (bool, error) {
	old := len(g.nodeOf)
	total := old
	for _, s := range segs {
		total += s.commits
	}
	g.index.reserve(total)
	for _, s := range segs {
		if len(s.hashes) != 20*s.commits {
			return false, errPacked
		}
		g.segs = append(g.segs, graphSeg{s.id, len(g.index.hashes), s.commits})
		for i := range s.commits {
			h := model.Hash(s.hashes[20*i:])
			if len(g.missing) > 0 {
				if _, was := g.missing[h]; was {
					return false, nil
				}
			}
			g.index.push(h)
		}
	}
	start, parents, err := g.link(segs, old, total)
	if err != nil {
		return false, err
	}
	g.sort(old, start, parents)
	return true, nil
}

// link gives the parents of the new commits, from stored number old to total, as stored
// numbers: those of the ith new one lie between start[i] and start[i+1].
func (g *graph) link(segs []loadedSeg, old, total int) (start, parents []uint32, err error) {
	start = make([]uint32, 1, total-old+1)
	parents = make([]uint32, 0, (total-old)*5/4)
	base := old
	for _, s := range segs {
		seen := 0
		err := eachParent(s.parents, s.commits, func(at, to int, h model.Hash) {
			for ; seen < at; seen++ {
				start = append(start, uint32(len(parents)))
			}
			if to >= 0 {
				parents = append(parents, uint32(base+to))
			} else if n := g.index.find(h); n >= 0 {
				parents = append(parents, uint32(n))
			} else {
				g.missing[h] = struct{}{}
			}
		})
		if err != nil {
			return nil, nil, err
		}
		for ; seen < s.commits; seen++ {
			start = append(start, uint32(len(parents)))
		}
		base += s.commits
	}
	return start, parents, nil
}

const noNode = ^uint32(0)

// sort numbers the commits from old on topologically. start and parents are
// theirs, by stored number.
func (g *graph) sort(old int, start, parents []uint32) {
	n := len(start) - 1
	for range n {
		g.nodeOf = append(g.nodeOf, noNode)
	}
	type frame struct{ stored, next uint32 }
	var stack []frame
	for i := range n {
		if g.nodeOf[old+i] != noNode {
			continue
		}
		stack = append(stack[:0], frame{uint32(old + i), start[i]})
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next < start[int(top.stored)-old+1] {
				p := parents[top.next]
				top.next++
				if g.nodeOf[p] == noNode && int(p) >= old {
					stack = append(stack, frame{p, start[int(p)-old]})
				}
				continue
			}
			s := int(top.stored)
			stack = stack[:len(stack)-1]
			if g.nodeOf[s] != noNode {
				continue
			}
			g.nodeOf[s] = uint32(len(g.stored))
			g.stored = append(g.stored, uint32(s))
			for _, p := range parents[start[s-old]:start[s-old+1]] {
				g.parents = append(g.parents, g.nodeOf[p])
			}
			g.start = append(g.start, uint32(len(g.parents)))
		}
	}
}

// node gives the node of a hash, or -1.
func (g *graph) node(h model.Hash) int {
	n := g.index.find(h)
	if n < 0 {
		return -1
	}
	return int(g.nodeOf[n])
}

// at gives the node of a place in a segment, or -1.
func (g *graph) at(segment int64, pos int) int {
	lo, hi := 0, len(g.segs)
	for lo < hi {
		mid := (lo + hi) / 2
		if g.segs[mid].id < segment {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	if lo == len(g.segs) || g.segs[lo].id != segment || pos >= g.segs[lo].n {
		return -1
	}
	return int(g.nodeOf[g.segs[lo].base+pos])
}

// place gives the segment and position of a node.
func (g *graph) place(node int) (segment int64, pos int) {
	s := int(g.stored[node])
	lo, hi := 0, len(g.segs)
	for lo < hi {
		mid := (lo + hi) / 2
		if g.segs[mid].base+g.segs[mid].n <= s {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return g.segs[lo].id, s - g.segs[lo].base
}

// A bitset has a bit for each node.
type bitset []uint64

func (b bitset) has(n int) bool { return b[n>>6]>>(n&63)&1 != 0 }
func (b bitset) set(n int)      { b[n>>6] |= 1 << (n & 63) }

// reach marks what the tips reach.
func (g *graph) reach(tips []int) bitset {
	b := make(bitset, (g.len()+63)/64)
	for _, t := range tips {
		if t >= 0 {
			b.set(t)
		}
	}
	for n := g.len() - 1; n >= 0; n-- {
		if !b.has(n) {
			continue
		}
		for _, p := range g.parents[g.start[n]:g.start[n+1]] {
			if p != noNode {
				b.set(int(p))
			}
		}
	}
	return b
}

// ancestor says whether old is new or one of its ancestors. It looks at budget
// nodes at most, and counts it down; when that is used up the answer is false.
func (g *graph) ancestor(old, new int, budget *int) bool {
	if old < 0 || new < old {
		return false
	}
	seen := make(map[uint32]struct{})
	stack := []uint32{uint32(new)}
	for len(stack) > 0 && *budget > 0 {
		n := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if n == uint32(old) {
			return true
		}
		*budget--
		for _, p := range g.parents[g.start[n]:g.start[n+1]] {
			if p == noNode || p < uint32(old) {
				continue
			}
			if _, was := seen[p]; !was {
				seen[p] = struct{}{}
				stack = append(stack, p)
			}
		}
	}
	return false
}
