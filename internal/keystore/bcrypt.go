package keystore

import (
	"crypto/sha512"
	"encoding/binary"

	//lint:ignore SA1019 what OpenSSH makes of a passphrase is defined by it
	"golang.org/x/crypto/blowfish"
)

// bcryptPBKDF is bcrypt_pbkdf of OpenBSD, with which OpenSSH makes a key of this many bytes
// from a passphrase. The one of x/crypto is internal there, and has no bound.
func bcryptPBKDF(passphrase, salt []byte, rounds, size int) []byte {
	pass := sha512.Sum512(passphrase)
	defer clear(pass[:])
	blocks := (size + bcryptSize - 1) / bcryptSize
	out := make([]byte, blocks*bcryptSize)
	for block := range blocks {
		seed := sha512.Sum512(binary.BigEndian.AppendUint32(append([]byte{}, salt...), uint32(block+1)))
		step := bcryptHash(pass[:], seed[:])
		sum := step
		for range rounds - 1 {
			seed = sha512.Sum512(step[:])
			step = bcryptHash(pass[:], seed[:])
			for i := range sum {
				sum[i] ^= step[i]
			}
		}
		for i, b := range sum { // spread, so that no block is made in vain
			out[i*blocks+block] = b
		}
	}
	return out[:size]
}

const bcryptSize = 32

// bcryptHash is bcrypt with 64 rounds on a text of its own; both inputs are hashes.
func bcryptHash(pass, salt []byte) [bcryptSize]byte {
	var out [bcryptSize]byte
	c, err := blowfish.NewSaltedCipher(pass, salt)
	if err != nil { // only for an empty pass
		panic(err)
	}
	for range 64 {
		blowfish.ExpandKey(salt, c)
		blowfish.ExpandKey(pass, c)
	}
	copy(out[:], "OxychromaticBlowfishSwatDynamite")
	for i := 0; i < bcryptSize; i += 8 {
		for range 64 {
			c.Encrypt(out[i:i+8], out[i:i+8])
		}
	}
	for i := 0; i < bcryptSize; i += 4 {
		binary.LittleEndian.PutUint32(out[i:], binary.BigEndian.Uint32(out[i:]))
	}
	return out
}
