package model

import (
	"encoding/hex"
	"fmt"
)

// A Hash is the SHA-1 name of a git object. The zero Hash stands for "absent",
// as git writes a created or deleted ref in a ref update.
type Hash [20]byte

// ParseHash reads 40 hexadecimal digits, in either case. Anything else is an error.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*len(h) {
		return Hash{}, fmt.Errorf("hash %.80q: want %d hexadecimal digits", s, 2*len(h))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("hash %q: %w", s, err)
	}
	return h, nil
}

// String gives 40 lower-case hexadecimal digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// IsZero says whether h is the zero hash, that is, absent.
func (h Hash) IsZero() bool { return h == Hash{} }

// MarshalText writes the hash as String does, for JSON.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what ParseHash reads.
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHash(string(b))
	return err
}
