package mirror

import (
	"bytes"
	"encoding/binary"
	"errors"
	"strconv"
	"time"

	"github.com/pjbgf/sha1cd"

	"issuetrail/internal/model"
)

// scratchSize is up to which size a tree or blob that is passed over is
// inflated in one go.
const scratchSize = 64 << 10

// Bombs: what a pack inflates to is bounded by its size, above a floor that lets honest
// repositories with a few files of zeros through. What is kept lies on disk.
const (
	passedFloor = 64 << 30
	passedRatio = 200
	keptFloor   = 1 << 30
	keptRatio   = 100
)

// A packReader takes the commits out of a pack while it comes in.
type packReader struct {
	in       *window
	limits   Limits
	kept     keptIndex
	spool    *spool
	graph    *graph
	waiting  waiting
	queue    []ready
	hash     sha1cd.CollisionResistantHash
	object   []byte // scratch: the object at hand
	scratch  []byte
	emit     func(model.RawCommit) error
	progress func(model.Progress)
	told     time.Time
	total    int64 // objects, as announced
	objects  int64 // read
	commits  int64
	skipped  int64 // trees and blobs
	passed   int64 // bytes of them, inflated
	floor    int64 // bytes that may be spooled whatever the size of the pack
	plain    bool  // the server was not asked for a filter: end as soon as the graph is closed
}

// newPackReader reads the pack whose pieces next gives.
func newPackReader(next func() ([]byte, error), o Options, r FetchRequest, emit func(model.RawCommit) error) *packReader {
	return &packReader{
		in: newWindow(next, o.Limits.Pack), limits: o.Limits, graph: newGraph(r), spool: &spool{dir: o.TempDir},
		hash:    sha1cd.New().(sha1cd.CollisionResistantHash),
		floor:   keptFloor,
		scratch: make([]byte, scratchSize), emit: emit, progress: r.Progress,
	}
}

// read reads the pack to its end, or until all that was awaited has come.
func (p *packReader) read() error {
	if err := p.header(); err != nil {
		return err
	}
	for p.objects < p.total {
		if err := p.entry(); err != nil {
			return err
		}
		if err := p.wake(); err != nil {
			return err
		}
		p.objects++
		if p.objects%256 == 0 {
			p.tell(false)
		}
		// A server that sends trees in spite of the filter is treated as one without.
		if p.graph.closed() && (p.plain || p.skipped > 100) && p.objects < p.total {
			p.tell(true)
			return errClosedGraph
		}
	}
	p.tell(true)
	return p.trailer()
}

// errClosedGraph says that the rest of the pack is not needed.
var errClosedGraph = errors.New("all commits have come")

func (p *packReader) header() error {
	b, err := p.in.need(12)
	if err != nil {
		return err
	}
	version := binary.BigEndian.Uint32(b[4:])
	if string(b[:4]) != "PACK" || version != 2 && version != 3 {
		return protocolError("what the server sent is no pack: %.40q", told(string(b)))
	}
	p.total = int64(binary.BigEndian.Uint32(b[8:]))
	if p.total > p.limits.Objects {
		return limitError("the pack has %d objects; the limit is %d", p.total, p.limits.Objects)
	}
	p.in.r += 12
	return nil
}

func (p *packReader) trailer() error {
	want := p.in.digest()
	got, err := p.in.need(len(want))
	if err != nil {
		return err
	}
	if !bytes.Equal(want, got) {
		return protocolError("the pack is corrupt: its checksum is wrong")
	}
	return nil
}

// entry reads one entry.
func (p *packReader) entry() error {
	at := p.in.offset()
	kind, size, err := p.in.entryHeader()
	if err != nil {
		return err
	}
	switch kind {
	case typeCommit, typeTag:
		if size > p.limits.Kept {
			return p.skip(size) // it is lost, and nothing else
		}
		p.object = sized(p.object, size)
		if err := p.in.inflate(p.object); err != nil {
			return err
		}
		return p.keep(at, kind, p.object)
	case typeTree, typeBlob:
		return p.skip(size)
	case typeOfsDelta:
		back, err := p.in.offsetVarint()
		if err != nil {
			return err
		}
		if back <= 0 || back >= at {
			return protocolError("the pack is corrupt: a delta at %d has its base %d bytes before", at, back)
		}
		base := at - back
		return p.delta(at, size, p.kept.at(base), baseKey{offset: base}, p.waiting.has(base))
	case typeRefDelta:
		b, err := p.in.need(20)
		if err != nil {
			return err
		}
		h := model.Hash(b)
		p.in.r += 20
		return p.delta(at, size, p.graph.place(h), baseKey{hash: h}, true)
	}
	return protocolError("the pack is corrupt: an entry of type %d at %d", kind, at)
}

// delta reads a delta. place is that of its base among what was kept, or -1. A base
// that is unknown yet is waited for, where it may be a commit.
func (p *packReader) delta(at, size int64, place int, base baseKey, wait bool) error {
	if place < 0 && !wait {
		return p.skip(size) // of a tree or blob
	}
	if size > p.limits.Kept {
		return p.skip(size)
	}
	d := p.scratch[:min(size, scratchSize)]
	if size > scratchSize {
		d = make([]byte, size)
	}
	if err := p.in.inflate(d); err != nil {
		return err
	}
	if place < 0 {
		pos, err := p.store(d)
		if err != nil {
			return err
		}
		return p.waiting.add(base, waiter{at: at, pos: pos, size: int32(size)})
	}
	return p.patch(at, place, d)
}

// skip passes over an object that is of no interest.
func (p *packReader) skip(size int64) error {
	p.skipped++
	if size > p.limits.Object {
		return limitError("the repository has an object of %d bytes; the limit is %d", size, p.limits.Object)
	}
	if p.passed += size; p.passed > passedFloor+passedRatio*p.in.received() {
		return limitError("the pack inflates to more than %d times its size", passedRatio)
	}
	return p.in.skip(size, p.scratch)
}

// keep takes a commit or tag in, and puts the deltas that waited for it on the queue.
func (p *packReader) keep(at int64, kind int, raw []byte) error {
	h, err := p.name(kind, raw)
	if err != nil {
		return err
	}
	pos, err := p.store(raw)
	if err != nil {
		return err
	}
	if n := p.limits.Commits; len(p.kept.objects) >= n || len(p.graph.seen) > n {
		return limitError("the pack has, or names as parents, more than %d commits and tags", n)
	}
	place := p.kept.add(keptObject{at: at, pos: pos, size: int32(len(raw)), kind: uint8(kind)})
	if p.graph.arrive(h, int32(place)) {
		if err := p.take(kind, model.RawCommit{Hash: h, Raw: raw}); err != nil {
			return err
		}
	}
	for _, d := range p.waiting.take(at, h) {
		p.queue = append(p.queue, ready{d, place})
	}
	return nil
}

// store spools what is looked at again: commits, tags, and deltas that wait.
func (p *packReader) store(b []byte) (int64, error) {
	if p.spool.size() > p.floor+keptRatio*p.in.received() {
		return 0, limitError("the commits inflate to more than %d times the size of the pack", keptRatio)
	}
	return p.spool.add(b)
}

func (p *packReader) take(kind int, c model.RawCommit) error {
	if kind == typeTag {
		p.graph.tag(c.Hash, c.Raw)
		return nil
	}
	p.graph.commit(c)
	p.commits++
	return p.emit(c)
}

// name hashes an object. A SHA-1 collision attack is refused.
func (p *packReader) name(kind int, raw []byte) (h model.Hash, err error) {
	var head [32]byte
	word := "commit "
	if kind == typeTag {
		word = "tag "
	}
	b := append(strconv.AppendInt(append(head[:0], word...), int64(len(raw)), 10), 0)
	p.hash.Reset()
	p.hash.Write(b)
	p.hash.Write(raw)
	sum, collision := p.hash.CollisionResistantSum(head[:0])
	if collision {
		return h, protocolError("an object of the repository is made for a SHA-1 collision")
	}
	return model.Hash(sum), nil
}

// tell reports the progress, not too often.
func (p *packReader) tell(last bool) {
	if p.progress == nil || !last && time.Since(p.told) < 100*time.Millisecond {
		return
	}
	p.told = time.Now()
	p.progress(model.Progress{
		Stage: "history", Objects: p.objects, Total: p.total, Bytes: p.in.received(), Commits: p.commits,
	})
}

// sized gives b with the length n, or a larger one.
func sized(b []byte, n int64) []byte {
	if int64(cap(b)) < n {
		return make([]byte, n, max(n, 4<<10)*5/4)
	}
	return b[:n]
}
