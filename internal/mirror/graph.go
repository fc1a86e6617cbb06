package mirror

import (
	"bytes"
	"slices"

	"issuetrail/internal/model"
)

// What the graph knows of an object it has not got: the values below zero. From
// zero on, it is the place in the index of kept objects.
const (
	wantedOnly = -1 // it is a want
	parentOnly = -2 // it is the parent of a commit, or what a tag leads to
)

// A graph knows which objects have come and which are still awaited.
type graph struct {
	seen    map[model.Hash]int32
	missing int // awaited
	haves   map[model.Hash]struct{}
	tags    map[model.Hash]tagTarget
	parents []model.Hash // scratch
}

type tagTarget struct {
	hash   model.Hash
	commit bool // else another tag
}

func newGraph(r FetchRequest) *graph {
	g := &graph{
		seen: make(map[model.Hash]int32, len(r.Wants)), haves: make(map[model.Hash]struct{}, len(r.Haves)),
		tags: map[model.Hash]tagTarget{},
	}
	for _, h := range r.Haves {
		g.haves[h] = struct{}{}
	}
	for _, h := range r.Wants {
		g.await(h, wantedOnly)
	}
	return g
}

// await notes that h is needed for the graph to be closed.
func (g *graph) await(h model.Hash, why int32) {
	if _, known := g.haves[h]; known {
		return
	}
	switch old, ok := g.seen[h]; {
	case !ok:
		g.seen[h] = why
		g.missing++
	case old == wantedOnly:
		g.seen[h] = why
	}
}

// arrive notes that h has come, at a place of the index. It is false if it
// came before.
func (g *graph) arrive(h model.Hash, place int32) bool {
	old, ok := g.seen[h]
	if ok && old >= 0 {
		return false
	}
	if ok {
		g.missing--
	}
	g.seen[h] = place
	return true
}

// place is where in the index h is, or -1.
func (g *graph) place(h model.Hash) int {
	if k, ok := g.seen[h]; ok && k >= 0 {
		return int(k)
	}
	return -1
}

// closed says whether nothing is awaited any more.
func (g *graph) closed() bool { return g.missing == 0 }

// boundary is what was awaited and never came, wants excepted, sorted.
func (g *graph) boundary() []model.Hash {
	var out []model.Hash
	for h, k := range g.seen {
		if k == parentOnly {
			out = append(out, h)
		}
	}
	slices.SortFunc(out, func(a, b model.Hash) int { return bytes.Compare(a[:], b[:]) })
	return out
}

// commit awaits the parents of a commit that came.
func (g *graph) commit(c model.RawCommit) {
	g.parents = parentsOf(c, g.parents[:0])
	for _, h := range g.parents {
		g.await(h, parentOnly)
	}
}

// parentsOf reads the parents of a commit as git writes them, and asks Scan
// for any other commit.
func parentsOf(c model.RawCommit, buf []model.Hash) []model.Hash {
	const tree, parent = 5 + 40 + 1, 7 + 40 + 1
	b := c.Raw
	if len(b) < tree || string(b[:5]) != "tree " || b[tree-1] != '\n' {
		parents, _, _ := c.Scan(buf)
		return parents
	}
	for b = b[tree:]; len(b) >= parent && string(b[:7]) == "parent "; b = b[parent:] {
		var h model.Hash
		if !readHash((*[20]byte)(&h), b[7:]) || b[parent-1] != '\n' {
			parents, _, _ := c.Scan(buf[:0])
			return parents
		}
		buf = append(buf, h)
	}
	return buf
}

// tag reads where a tag object leads and awaits that, unless it is a tree or a
// blob.
func (g *graph) tag(h model.Hash, raw []byte) {
	var t tagTarget
	first, rest, _ := bytes.Cut(raw, []byte{'\n'})
	object, ok := bytes.CutPrefix(first, []byte("object "))
	if !ok || len(object) != 40 || !readHash((*[20]byte)(&t.hash), object) {
		return
	}
	kind, _, _ := bytes.Cut(rest, []byte{'\n'})
	switch string(kind) {
	case "type commit":
		t.commit = true
	case "type tag":
	default:
		return
	}
	g.tags[h] = t
	g.await(t.hash, wantedOnly)
}

// maxTagDepth bounds how many tags are followed from a tag to its commit.
const maxTagDepth = 100

// peeled leads from each tag object to its commit.
func (g *graph) peeled() map[model.Hash]model.Hash {
	out := make(map[model.Hash]model.Hash, len(g.tags))
	for h, t := range g.tags {
		for depth := 0; !t.commit && depth < maxTagDepth; depth++ {
			next, ok := g.tags[t.hash]
			if !ok {
				break
			}
			t = next
		}
		if t.commit {
			out[h] = t.hash
		}
	}
	return out
}
