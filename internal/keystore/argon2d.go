package keystore

import (
	"encoding/binary"
	"math/bits"

	"golang.org/x/crypto/blake2b"
)

// Argon2d of RFC 9106, which x/crypto/argon2 lacks. PuTTY keys may ask for it. The lanes are filled one after
// the other: it runs once for a key.
const (
	argon2Words  = 128 // of 8 bytes in a block
	argon2Slices = 4
)

type argon2Block [argon2Words]uint64

// argon2d makes a key of this many bytes, at most 64·2³² and at least 65; memory in KiB.
func argon2d(passphrase, salt []byte, passes, memory, lanes, size uint32) []byte {
	memory = max(memory, 2*argon2Slices*lanes)
	seed := argon2Seed(passphrase, salt, passes, memory, lanes, size)
	columns := memory / (argon2Slices * lanes) * argon2Slices
	m := make([]argon2Block, columns*lanes)
	defer clear(m)
	for lane := range lanes {
		for column := range uint32(2) {
			head := binary.LittleEndian.AppendUint32(append([]byte{}, seed[:]...), column)
			m[lane*columns+column].read(argon2Hash(binary.LittleEndian.AppendUint32(head, lane), 8*argon2Words))
		}
	}
	for pass := range passes {
		for slice := range uint32(argon2Slices) {
			for lane := range lanes {
				argon2Fill(m, pass, slice, lane, lanes, columns)
			}
		}
	}
	last := m[columns-1]
	for lane := uint32(1); lane < lanes; lane++ {
		for i, word := range m[(lane+1)*columns-1] {
			last[i] ^= word
		}
	}
	return argon2Hash(last.bytes(), size)
}

// argon2Seed is H₀ of RFC 9106 §3.2, for type 0 and version 0x13, without secret and data.
func argon2Seed(passphrase, salt []byte, passes, memory, lanes, size uint32) [blake2b.Size]byte {
	var text []byte
	for _, n := range []uint32{lanes, size, memory, passes, 0x13, 0, uint32(len(passphrase))} {
		text = binary.LittleEndian.AppendUint32(text, n)
	}
	text = append(text, passphrase...)
	defer clear(text)
	text = binary.LittleEndian.AppendUint32(text, uint32(len(salt)))
	text = append(text, salt...)
	return blake2b.Sum512(append(text, 0, 0, 0, 0, 0, 0, 0, 0))
}

// argon2Hash is H′ of §3.3 for more than 64 bytes.
func argon2Hash(text []byte, size uint32) []byte {
	out := make([]byte, 0, size+blake2b.Size)
	sum := blake2b.Sum512(append(binary.LittleEndian.AppendUint32(nil, size), text...))
	for uint32(len(out))+blake2b.Size < size {
		out = append(out, sum[:blake2b.Size/2]...)
		if left := size - uint32(len(out)); left < blake2b.Size {
			h, _ := blake2b.New(int(left), nil) // fails only for a size above 64
			h.Write(sum[:])
			return h.Sum(out)
		}
		sum = blake2b.Sum512(sum[:])
	}
	return append(out, sum[:]...)
}

// argon2Fill fills one slice of a lane.
func argon2Fill(m []argon2Block, pass, slice, lane, lanes, columns uint32) {
	segment := columns / argon2Slices
	start := uint32(0)
	if pass == 0 && slice == 0 {
		start = 2
	}
	for i := start; i < segment; i++ {
		column := slice*segment + i
		before := lane*columns + (column+columns-1)%columns
		chosen := m[before][0]
		other := uint32(chosen>>32) % lanes
		if pass == 0 && slice == 0 {
			other = lane
		}
		from := argon2Reference(uint32(chosen), pass, slice, i, columns, other == lane)
		m[lane*columns+column].mix(&m[before], &m[other*columns+from], pass > 0)
	}
}

// argon2Reference is the column that a block refers to, of §3.4.
func argon2Reference(random, pass, slice, i, columns uint32, same bool) uint32 {
	segment := columns / argon2Slices
	area, start := 3*segment, (slice+1)%argon2Slices*segment
	if pass == 0 {
		area, start = slice*segment, 0
	}
	if same {
		area += i
	}
	if same || i == 0 {
		area--
	}
	x := uint64(random) * uint64(random) >> 32
	return (start + area - 1 - uint32(uint64(area)*x>>32)) % columns
}

func (b *argon2Block) read(text []byte) {
	for i := range b {
		b[i] = binary.LittleEndian.Uint64(text[8*i:])
	}
}

func (b *argon2Block) bytes() []byte {
	out := make([]byte, 0, 8*argon2Words)
	for _, word := range b {
		out = binary.LittleEndian.AppendUint64(out, word)
	}
	return out
}

// mix is G of §3.5; later passes add to what stands there.
func (b *argon2Block) mix(x, y *argon2Block, add bool) {
	var r argon2Block
	for i := range r {
		r[i] = x[i] ^ y[i]
	}
	z := r
	var v [16]uint64
	for i := 0; i < argon2Words; i += 16 {
		copy(v[:], z[i:])
		argon2Round(&v)
		copy(z[i:], v[:])
	}
	for i := 0; i < 16; i += 2 {
		for k := range 8 {
			v[2*k], v[2*k+1] = z[i+16*k], z[i+16*k+1]
		}
		argon2Round(&v)
		for k := range 8 {
			z[i+16*k], z[i+16*k+1] = v[2*k], v[2*k+1]
		}
	}
	for i := range r {
		r[i] ^= z[i]
		if add {
			r[i] ^= b[i]
		}
	}
	*b = r
}

// argon2Round is P of §3.6.
func argon2Round(v *[16]uint64) {
	for i := range 4 {
		v[i], v[4+i], v[8+i], v[12+i] = argon2Quarter(v[i], v[4+i], v[8+i], v[12+i])
	}
	for i := range 4 {
		b, c, d := 4+(i+1)%4, 8+(i+2)%4, 12+(i+3)%4
		v[i], v[b], v[c], v[d] = argon2Quarter(v[i], v[b], v[c], v[d])
	}
}

func argon2Quarter(a, b, c, d uint64) (uint64, uint64, uint64, uint64) {
	a += b + 2*uint64(uint32(a))*uint64(uint32(b))
	d = bits.RotateLeft64(d^a, -32)
	c += d + 2*uint64(uint32(c))*uint64(uint32(d))
	b = bits.RotateLeft64(b^c, -24)
	a += b + 2*uint64(uint32(a))*uint64(uint32(b))
	d = bits.RotateLeft64(d^a, -16)
	c += d + 2*uint64(uint32(c))*uint64(uint32(d))
	b = bits.RotateLeft64(b^c, -63)
	return a, b, c, d
}
