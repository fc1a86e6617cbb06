package store

import (
	"cmp"
	"slices"
)

func sorted(links []newLink) []newLink {
	slices.SortFunc(links, compareLinks)
	return slices.Compact(links)
}

func compareLinks(a, b newLink) int {
	return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.pos, b.pos))
}

// difference gives what must be added to have and dropped from it to make want; both
// are sorted.
func difference(have, want []newLink) (add, drop []newLink) {
	for len(have) > 0 || len(want) > 0 {
		switch {
		case len(have) == 0 || len(want) > 0 && compareLinks(want[0], have[0]) < 0:
			add, want = append(add, want[0]), want[1:]
		case len(want) == 0 || compareLinks(have[0], want[0]) < 0:
			drop, have = append(drop, have[0]), have[1:]
		default:
			have, want = have[1:], want[1:]
		}
	}
	return add, drop
}

// linkedOf gives the positions that have a link, in order.
func linkedOf(links []newLink) []int {
	list := make([]int, 0, len(links))
	for _, l := range links {
		list = append(list, l.pos)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func union(a, b []int) []int {
	list := slices.Concat(a, b)
	slices.Sort(list)
	return slices.Compact(list)
}
