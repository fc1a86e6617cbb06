package mirror

import (
	"encoding/binary"
	"errors"
	"hash/adler32"
)

// The standard library inflates from a stream, byte by byte, and takes more than half of
// the time of a fetch. Here input and output are whole slices, the size of the output is
// known, and the tables are small, for a commit is a few hundred bytes.

var (
	// errShort says that the input ends before the stream does.
	errShort = errors.New("short input")
	errZlib  = errors.New("not a zlib stream")
	errSize  = errors.New("a stream is not of the announced size")
	errSum   = errors.New("a stream has a wrong checksum")
)

// An inflater reads zlib streams (RFC 1950, RFC 1951) from slices. The zero
// value is ready.
type inflater struct {
	bits     bitReader
	dst      []byte
	op       int // bytes written
	literals huffman
	offsets  huffman
	codes    huffman
	lengths  [maxLiterals + maxOffsets]uint8
}

// inflate fills dst exactly from the stream at the front of src, and says how
// much of src it took. With errShort the same call succeeds, or fails, once there is
// more in src.
func (z *inflater) inflate(dst, src []byte) (n int, err error) {
	if len(src) < 2 {
		return 0, errShort
	}
	if src[0]&15 != 8 || src[1]&0x20 != 0 || binary.BigEndian.Uint16(src)%31 != 0 {
		return 0, errZlib
	}
	z.bits = bitReader{src: src, pos: 2}
	z.dst, z.op = dst, 0
	for last := false; !last && err == nil; {
		last, err = z.block()
	}
	if z.bits.overrun() {
		return 0, errShort
	}
	if err != nil {
		return 0, err
	}
	if z.op != len(dst) {
		return 0, errSize
	}
	n = z.bits.align()
	if len(src)-n < 4 {
		return 0, errShort
	}
	if binary.BigEndian.Uint32(src[n:]) != adler32.Checksum(dst) {
		return 0, errSum
	}
	return n + 4, nil
}

// block reads one block and says whether it is the last.
func (z *inflater) block() (last bool, err error) {
	z.bits.fill()
	head := z.bits.take(3)
	last = head&1 != 0
	switch head >> 1 {
	case 0:
		return last, z.stored()
	case 1:
		return last, z.compressed(&fixedLiterals, &fixedOffsets)
	case 2:
		if err := z.readTables(); err != nil {
			return last, err
		}
		return last, z.compressed(&z.literals, &z.offsets)
	}
	return last, errZlib
}

// stored copies a block that is not compressed.
func (z *inflater) stored() error {
	b := &z.bits
	pos := b.align()
	if b.overrun() || len(b.src)-pos < 4 {
		b.exhaust()
		return errShort
	}
	n := int(binary.LittleEndian.Uint16(b.src[pos:]))
	if n^0xffff != int(binary.LittleEndian.Uint16(b.src[pos+2:])) {
		return errZlib
	}
	pos += 4
	if len(b.src)-pos < n {
		b.exhaust()
		return errShort
	}
	if n > len(z.dst)-z.op {
		return errSize
	}
	z.op += copy(z.dst[z.op:], b.src[pos:pos+n])
	*b = bitReader{src: b.src, pos: pos + n}
	return nil
}

// compressed reads the symbols of a block. It is the inner loop: what the bit
// reader holds stays in registers, and is loaded as seldom as can be.
func (z *inflater) compressed(literals, offsets *huffman) (err error) {
	b, dst, op := z.bits, z.dst, z.op
	for {
		if b.n < maxCode {
			b.fill()
		}
		e := literals.table[b.acc&(1<<literalBits-1)]
		if e == 0 {
			if e = literals.long(b.acc); e == 0 {
				err = errZlib
				break
			}
		}
		b.drop(uint(e & 15))
		if e < 256<<4 {
			if op >= len(dst) {
				err = errSize
				break
			}
			dst[op] = byte(e >> 4)
			op++
			continue
		}
		if e>>4 == 256 {
			break
		}
		if b.n < 5+maxCode+13 { // the extra bits of a length, an offset and its extra bits
			b.fill()
		}
		symbol := (e>>4 - 257) & 31
		length := int(lengthBase[symbol]) + int(b.acc&(1<<lengthExtra[symbol]-1))
		known := lengthBase[symbol] != 0
		b.drop(uint(lengthExtra[symbol]))
		if e = offsets.table[b.acc&(1<<offsetBits-1)]; e == 0 {
			if e = offsets.long(b.acc); e == 0 {
				err = errZlib
				break
			}
		}
		b.drop(uint(e & 15))
		symbol = (e >> 4) & 31
		offset := int(offsetBase[symbol]) + int(b.acc&(1<<offsetExtra[symbol]-1))
		b.drop(uint(offsetExtra[symbol]))
		if !known || offset == 0 || offset > op {
			err = errZlib // a symbol that is none, or from before the start
			break
		}
		if length > len(dst)-op {
			err = errSize
			break
		}
		repeat(dst[op-offset:op+length], offset)
		op += length
	}
	z.bits, z.op = b, op
	return err
}

// repeat fills b beyond its first offset bytes with repetitions of them.
func repeat(b []byte, offset int) {
	if len(b) <= 2*offset {
		copy(b[offset:], b)
		return
	}
	for i := offset; i < len(b); i++ {
		b[i] = b[i-offset]
	}
}

// A bitReader reads bits, the low ones first. Past the end of src come zeros,
// and overrun tells.
type bitReader struct {
	src  []byte
	pos  int    // next byte to load
	acc  uint64 // loaded bits; above the n-th those of following bytes may already stand
	n    uint   // bits loaded
	past uint   // bytes of zeros that were loaded past the end
}

// fill loads until at least 56 bits are there.
func (b *bitReader) fill() {
	if len(b.src)-b.pos >= 8 {
		b.acc |= binary.LittleEndian.Uint64(b.src[b.pos:]) << (b.n & 63)
		b.pos += int(63-b.n) >> 3
		b.n |= 56
		return
	}
	for b.n <= 56 {
		if b.pos < len(b.src) {
			b.acc |= uint64(b.src[b.pos]) << (b.n & 63)
			b.pos++
		} else {
			b.past++
		}
		b.n += 8
	}
}

// take takes bits that fill has loaded.
func (b *bitReader) take(n uint) uint32 {
	v := uint32(b.acc & (1<<n - 1))
	b.acc >>= n
	b.n -= n
	return v
}

// drop is take for those who have looked at the bits already.
func (b *bitReader) drop(n uint) {
	b.acc >>= n & 63
	b.n -= n
}

// overrun says whether bits from past the end were taken.
func (b *bitReader) overrun() bool { return b.past*8 > b.n }

// exhaust makes it an overrun.
func (b *bitReader) exhaust() { b.past = b.n/8 + 1 }

// align gives the position of the first byte of which no bit was taken.
func (b *bitReader) align() int { return b.pos - int(b.n>>3) + int(b.past) }
