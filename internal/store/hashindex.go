package store

import (
	"encoding/binary"
	"math/bits"
	"math/rand/v2"

	"issuetrail/internal/model"
)

// hashSeed makes it hopeless to craft commits whose hashes meet in the table.
var hashSeed = rand.Uint64() | 1

// A hashIndex gives each hash a number, in the order they are added. It is an
// open-addressed table over the first bytes of the hashes: about 27 bytes a hash.
type hashIndex struct {
	hashes []model.Hash
	table  []uint32 // number + 1; 0 = free
}

func (x *hashIndex) reserve(n int) {
	size := 16
	for size*3 < n*4 {
		size *= 2
	}
	if size <= len(x.table) {
		return
	}
	if cap(x.hashes) < n {
		x.hashes = append(make([]model.Hash, 0, n), x.hashes...)
	}
	x.table = make([]uint32, size)
	for i := range x.hashes {
		if at := x.slot(x.hashes[i]); x.table[at] == 0 {
			x.table[at] = uint32(i) + 1
		}
	}
}

// slot is where h stands in the table, or where it belongs.
func (x *hashIndex) slot(h model.Hash) int {
	mask := len(x.table) - 1
	first := int(binary.LittleEndian.Uint64(h[:]) * hashSeed >> (64 - bits.Len(uint(mask))))
	for i := first; ; i = (i + 1) & mask {
		if n := x.table[i]; n == 0 || x.hashes[n-1] == h {
			return i
		}
	}
}

// find gives the number of h, or -1.
func (x *hashIndex) find(h model.Hash) int {
	if len(x.table) == 0 {
		return -1
	}
	return int(x.table[x.slot(h)]) - 1
}

// push gives h the next number even if it has one, which then stays the one found.
func (x *hashIndex) push(h model.Hash) {
	if _, added := x.add(h); !added {
		x.hashes = append(x.hashes, h)
	}
}

// add gives h the next number, unless it has one; false says that it had.
func (x *hashIndex) add(h model.Hash) (int, bool) {
	if (len(x.hashes)+1)*4 > len(x.table)*3 {
		x.reserve(max(2*len(x.hashes), 12))
	}
	at := x.slot(h)
	if n := x.table[at]; n != 0 {
		return int(n) - 1, false
	}
	x.hashes = append(x.hashes, h)
	x.table[at] = uint32(len(x.hashes))
	return len(x.hashes) - 1, true
}

func (x *hashIndex) bytes() int64 { return int64(20*cap(x.hashes) + 4*len(x.table)) }
