package mirror

import "math/bits"

const (
	maxLiterals = 286 // literals, the end of a block, and lengths
	maxOffsets  = 30
	literalBits = 9 // longer codes are rare and looked up bit by bit
	offsetBits  = 7
	codeBits    = 7
	maxCode     = 15 // bits of a code
)

// A huffman decodes one alphabet.
type huffman struct {
	// table has for the next bits of the input, the first one lowest: symbol<<4 | length of
	// its code; 0 = the code is longer, or there is none.
	table  [1 << literalBits]uint16
	counts [maxCode + 1]uint16 // codes of each length
	sorted [maxLiterals + 2]uint16
}

// build makes the tables of the code lengths of the symbols, as package
// compress/flate does: an incomplete code is refused unless it is a single code
// of one bit, or none.
func (h *huffman) build(lengths []uint8, size uint) bool {
	h.counts = [maxCode + 1]uint16{}
	for _, n := range lengths {
		h.counts[n]++
	}
	h.counts[0] = 0
	var next, place [maxCode + 2]uint16
	code, longest := 0, 0
	for n := 1; n <= maxCode; n++ {
		code <<= 1
		next[n] = uint16(code)
		code += int(h.counts[n])
		if h.counts[n] > 0 {
			longest = n
		}
		if code > 1<<n {
			return false
		}
		place[n+1] = place[n] + h.counts[n]
	}
	table := h.table[:1<<size]
	clear(table)
	if code != 1<<maxCode && longest != 0 && !(longest == 1 && h.counts[1] == 1) {
		return false
	}
	for symbol, n := range lengths {
		if n == 0 {
			continue
		}
		h.sorted[place[n]] = uint16(symbol)
		place[n]++
		code := next[n]
		next[n]++
		if uint(n) > size {
			continue
		}
		e := uint16(symbol)<<4 | uint16(n)
		for i := int(bits.Reverse16(code) >> (16 - n)); i < len(table); i += 1 << n {
			table[i] = e
		}
	}
	return true
}

// long finds the entry of a code of any length at the front of the input; 0 =
// there is none.
func (h *huffman) long(acc uint64) uint16 {
	code, first, index := 0, 0, 0
	for n := 1; n <= maxCode; n++ {
		code |= int(acc & 1)
		acc >>= 1
		count := int(h.counts[n])
		if code-first < count {
			return h.sorted[index+code-first]<<4 | uint16(n)
		}
		index += count
		first = (first + count) << 1
		code <<= 1
	}
	return 0
}

// codeOrder is the order of the code lengths of the code of code lengths.
var codeOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// readTables reads the codes at the front of a block.
func (z *inflater) readTables() error {
	b := &z.bits
	b.fill()
	literals, offsets, codes := int(b.take(5))+257, int(b.take(5))+1, int(b.take(4))+4
	if literals > maxLiterals || offsets > maxOffsets {
		return errZlib
	}
	var lengths [19]uint8
	for i := range codes {
		if b.n < 3 {
			b.fill()
		}
		lengths[codeOrder[i]] = uint8(b.take(3))
	}
	if !z.codes.build(lengths[:], codeBits) {
		return errZlib
	}
	all := z.lengths[:literals+offsets]
	for i := 0; i < len(all); {
		b.fill()
		e := z.codes.table[b.acc&(1<<codeBits-1)]
		if e == 0 || b.overrun() {
			return errZlib
		}
		b.take(uint(e & 15))
		symbol := uint8(e >> 4)
		if symbol < 16 {
			all[i] = symbol
			i++
			continue
		}
		var value uint8
		var n int
		switch symbol {
		case 16:
			if i == 0 {
				return errZlib
			}
			value, n = all[i-1], 3+int(b.take(2))
		case 17:
			n = 3 + int(b.take(3))
		default:
			n = 11 + int(b.take(7))
		}
		if n > len(all)-i {
			return errZlib
		}
		for range n {
			all[i] = value
			i++
		}
	}
	if !z.literals.build(all[:literals], literalBits) || !z.offsets.build(all[literals:], offsetBits) {
		return errZlib
	}
	return nil
}

// The bases and extra bits of length and offset symbols. A base of zero marks a
// symbol that does not exist.
var lengthBase = [32]uint32{
	3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
}

var lengthExtra = [32]uint8{
	0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0,
}

var offsetBase = [32]uint32{
	1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097,
	6145, 8193, 12289, 16385, 24577,
}

var offsetExtra = [32]uint8{
	0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13,
}

// The codes of blocks that bring none.
var fixedLiterals, fixedOffsets = func() (l, o huffman) {
	var lengths [288]uint8
	for i := range lengths {
		switch {
		case i < 144, i >= 280:
			lengths[i] = 8
		case i < 256:
			lengths[i] = 9
		default:
			lengths[i] = 7
		}
	}
	l.build(lengths[:], literalBits)
	var five [32]uint8
	for i := range five {
		five[i] = 5
	}
	o.build(five[:], offsetBits)
	return l, o
}()
