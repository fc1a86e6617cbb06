package store

import (
	"math/rand/v2"
	"slices"
	"testing"

	"issuetrail/internal/model"
)

// randomGraph has n commits of up to three parents, 40 of them at most before it.
func randomGraph(t testing.TB, r *rand.Rand, n int) *graph {
	t.Helper()
	g := newGraph()
	parents := []uint32{}
	start := []uint32{0}
	for i := range n {
		for range min(i, r.IntN(4)) {
			parents = append(parents, uint32(i-1-r.IntN(min(i, 40))))
		}
		start = append(start, uint32(len(parents)))
	}
	g.sort(0, start, parents)
	return g
}

func TestCountsAreTheSameEitherWay(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	g := randomGraph(t, r, 700)
	some := func(n int) (list []int) {
		for range n {
			list = append(list, r.IntN(g.len()+1)-1) // -1 now and then
		}
		return append(list, -1)
	}
	for _, size := range [][2]int{{0, 3}, {1, 1}, {3, 200}, {200, 3}, {130, 129}, {129, 130}} {
		commits, tips := some(size[0]), some(size[1])
		got := g.counts(commits, tips)
		for i, tip := range tips {
			reached, want := g.reach([]int{tip}), 0
			for _, c := range commits {
				if c >= 0 && reached.has(c) {
					want++
				}
			}
			if got[i] != want {
				t.Fatalf("%v: tip %d contains %d, want %d", size, tip, got[i], want)
			}
		}
	}
}

func TestTagsOfBigIssuesAreBounded(t *testing.T) {
	g := newGraph()
	const n = 3000 // in a line
	parents := make([]uint32, n-1)
	start := make([]uint32, n+1)
	for i := range n {
		start[i+1] = uint32(i)
		if i > 0 {
			parents[i-1] = uint32(i - 1)
		}
	}
	g.sort(0, start, parents)
	var refs []model.Ref
	var tips, all []int
	for i := range n {
		refs = append(refs, model.Ref{Name: model.TagPrefix + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))})
		tips, all = append(tips, i), append(all, i)
	}
	tags := g.tagsOf(all, 1, refs, tips)
	if len(tags) != countPasses*pass {
		t.Errorf("%d tags of %d commits", len(tags), n)
	}
	if i := slices.IndexFunc(tags, func(l model.TagLink) bool { return l.Commits <= n-countPasses*pass }); i >= 0 {
		t.Errorf("%v is none of the newest", tags[i])
	}
	if tags = g.tagsOf(all[:countPasses*pass], 1, refs, tips); len(tags) != n {
		t.Errorf("%d tags of %d commits, want all", len(tags), countPasses*pass)
	}
}
