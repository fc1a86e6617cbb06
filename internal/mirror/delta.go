package mirror

import (
	"encoding/binary"
	"sort"

	"github.com/go-git/go-git/v5/plumbing/format/packfile"

	"issuetrail/internal/model"
)

// maxWaiting bounds the deltas whose base has not come yet.
const maxWaiting = 4_000_000

// A keptObject is a commit or tag that may be the base of a delta.
type keptObject struct {
	at   int64 // offset in the pack
	pos  int64 // in the spool
	size int32
	kind uint8
}

// A keptIndex finds kept objects by their offset. Objects that came as deltas whose base
// followed stand at the end, out of order, and are found by a map.
type keptIndex struct {
	objects []keptObject
	late    map[int64]int
	order   []int32 // places, by offset
}

func (k *keptIndex) add(o keptObject) int {
	place := len(k.objects)
	k.objects = append(k.objects, o)
	if n := len(k.order); n > 0 && k.objects[k.order[n-1]].at > o.at {
		if k.late == nil {
			k.late = map[int64]int{}
		}
		k.late[o.at] = place
		return place
	}
	k.order = append(k.order, int32(place))
	return place
}

// at gives the place of the object at an offset, or -1.
func (k *keptIndex) at(offset int64) int {
	i := sort.Search(len(k.order), func(i int) bool { return k.objects[k.order[i]].at >= offset })
	if i < len(k.order) && k.objects[k.order[i]].at == offset {
		return int(k.order[i])
	}
	if place, ok := k.late[offset]; ok {
		return place
	}
	return -1
}

// A baseKey names the base of a delta by one of the two.
type baseKey struct {
	offset int64
	hash   model.Hash
}

// A waiter is a delta whose base has not come yet. The delta lies in the spool.
type waiter struct {
	at, pos int64
	size    int32
}

// waiting are the deltas whose base has not come yet, by base.
type waiting struct {
	on      map[baseKey][]waiter
	offsets map[int64]struct{} // where they lie: they may be bases themselves
}

func (w *waiting) add(base baseKey, d waiter) error {
	if w.on == nil {
		w.on, w.offsets = map[baseKey][]waiter{}, map[int64]struct{}{}
	}
	if len(w.offsets) >= maxWaiting {
		return limitError("the pack has more than %d deltas before their bases", maxWaiting)
	}
	w.on[base] = append(w.on[base], d)
	w.offsets[d.at] = struct{}{}
	return nil
}

// has says whether a waiting delta lies at the offset.
func (w *waiting) has(offset int64) bool {
	_, ok := w.offsets[offset]
	return ok
}

// take gives the deltas that waited for an object, and forgets them.
func (w *waiting) take(at int64, h model.Hash) []waiter {
	if len(w.on) == 0 {
		return nil
	}
	byOffset, byHash := baseKey{offset: at}, baseKey{hash: h}
	out := append(w.on[byOffset], w.on[byHash]...)
	delete(w.on, byOffset)
	delete(w.on, byHash)
	return out
}

// patch makes the object of a delta whose base was kept, and keeps it.
func (p *packReader) patch(at int64, place int, delta []byte) error {
	base := p.kept.objects[place]
	source, target, ok := deltaSizes(delta)
	if !ok || source != uint64(base.size) {
		return protocolError("the pack is corrupt: the delta at %d does not fit its base", at)
	}
	if target > uint64(p.limits.Kept) {
		return nil // it is lost, and nothing else
	}
	b := make([]byte, base.size)
	if err := p.spool.read(b, base.pos); err != nil {
		return err
	}
	raw, err := packfile.PatchDelta(b, delta)
	if err != nil {
		return protocolError("the pack is corrupt: the delta at %d: %w", at, err)
	}
	return p.keep(at, int(base.kind), raw)
}

// A ready delta waited for a base that has come now, at a place of the index.
type ready struct {
	waiter
	place int
}

// wake makes the objects of the deltas that waited for what came. It is no recursion: a
// chain of deltas may be long, and each of them large.
func (p *packReader) wake() error {
	for len(p.queue) > 0 {
		d := p.queue[len(p.queue)-1]
		p.queue = p.queue[:len(p.queue)-1]
		delta := make([]byte, d.size)
		if err := p.spool.read(delta, d.pos); err != nil {
			return err
		}
		if err := p.patch(d.at, d.place, delta); err != nil {
			return err
		}
	}
	return nil
}

// deltaSizes reads the sizes of base and result at the front of a delta.
func deltaSizes(delta []byte) (source, target uint64, ok bool) {
	source, n := binary.Uvarint(delta)
	if n <= 0 {
		return 0, 0, false
	}
	target, m := binary.Uvarint(delta[n:])
	return source, target, m > 0
}
