package store

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"issuetrail/internal/model"
)

const (
	segmentCommits = 4096     // at most in a segment
	blockCommits   = 64       // at most in a block
	blockBytes     = 32 << 10 // of raw commits, after which a block ends
	maxUnpacked    = 256 << 20
)

var errPacked = errors.New("a stored segment is damaged")

// A packer compresses and restores blocks; it may be used by many goroutines.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

func newPacker() *packer {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest),
		zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(128<<10), zstd.WithEncoderCRC(false), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic(err) // the options are constants
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxUnpacked), zstd.WithDecoderLowmem(true))
	if err != nil {
		panic(err)
	}
	return &packer{enc, dec}
}

// A block is some commits of a segment, packed, from position first on.
type block struct {
	first int
	raw   []byte
}

// A packed segment is what Add writes.
type packed struct {
	hashes, parents, times, linked []byte
	blocks                         []block
	bytes                          int
	links                          int // commits with a link
}

// pack makes a segment of at most segmentCommits commits.
//
// The parents of a commit are a count, then for each parent a number: 0 says
// that its hash follows; any other n is, zigzag, how far away it lies in the segment.
func (p *packer) pack(commits []model.BatchCommit) packed {
	out := packed{hashes: make([]byte, 0, 20*len(commits)), times: make([]byte, 0, 8*len(commits))}
	var where hashIndex
	where.reserve(len(commits))
	for i := range commits {
		out.hashes = append(out.hashes, commits[i].Hash[:]...)
		where.add(commits[i].Hash)
	}
	var plain []byte
	first := 0
	for i := range commits {
		c := &commits[i]
		out.times = binary.BigEndian.AppendUint64(out.times, uint64(c.CommittedAt))
		out.parents = appendParents(out.parents, i, c.Parents, &where)
		if len(c.Keys) > 0 {
			out.linked = binary.AppendUvarint(out.linked, uint64(i))
			out.links++
		}
		plain = binary.AppendUvarint(plain, uint64(len(c.Raw)))
		plain = append(plain, c.Raw...)
		if i+1-first == blockCommits || len(plain) >= blockBytes || i+1 == len(commits) {
			b := block{first, p.enc.EncodeAll(plain, nil)}
			out.blocks, out.bytes = append(out.blocks, b), out.bytes+len(b.raw)
			first, plain = i+1, plain[:0]
		}
	}
	return out
}

func appendParents(b []byte, at int, parents []model.Hash, where *hashIndex) []byte {
	b = binary.AppendUvarint(b, uint64(len(parents)))
	for _, h := range parents {
		if to := where.find(h); to >= 0 && to != at {
			b = binary.AppendVarint(b, int64(to-at))
			continue
		}
		b = append(b, 0)
		b = append(b, h[:]...)
	}
	return b
}

// eachParent calls f for every parent of every commit in order: to is its position
// in the segment, or -1 when only its hash is known.
func eachParent(b []byte, commits int, f func(at, to int, h model.Hash)) error {
	for at := range commits {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return errPacked
		}
		b = b[size:]
		for range n {
			d, size := binary.Varint(b)
			if size <= 0 {
				return errPacked
			}
			b = b[size:]
			if d != 0 {
				if at+int(d) < 0 || at+int(d) >= commits {
					return errPacked
				}
				f(at, at+int(d), model.Hash{})
				continue
			}
			if len(b) < 20 {
				return errPacked
			}
			f(at, -1, model.Hash(b[:20]))
			b = b[20:]
		}
	}
	return nil
}

// eachRaw calls f for each raw commit of a block; pos counts from first. What f gets
// is valid during the call alone.
func (p *packer) eachRaw(b block, buf []byte, f func(pos int, raw []byte) error) ([]byte, error) {
	plain, err := p.dec.DecodeAll(b.raw, buf[:0])
	if err != nil {
		return buf, fmt.Errorf("%w: %w", errPacked, err)
	}
	rest := plain
	for pos := b.first; len(rest) > 0; pos++ {
		n, size := binary.Uvarint(rest)
		if size <= 0 || uint64(len(rest)-size) < n {
			return plain, errPacked
		}
		if err := f(pos, rest[size:size+int(n)]); err != nil {
			return plain, err
		}
		rest = rest[size+int(n):]
	}
	return plain, nil
}

// positions reads the list that pack writes of linked commits.
func positions(b []byte) (list []int, err error) {
	for len(b) > 0 {
		n, size := binary.Uvarint(b)
		if size <= 0 {
			return nil, errPacked
		}
		list, b = append(list, int(n)), b[size:]
	}
	return list, nil
}

func appendPositions(b []byte, list []int) []byte {
	for _, p := range list {
		b = binary.AppendUvarint(b, uint64(p))
	}
	return b
}
