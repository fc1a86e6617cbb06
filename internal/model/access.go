package model

import "time"

// Role is what the bearer of a token may do.
type Role string

// A viewer may read; an admin may do all.
const (
	RoleViewer Role = "viewer"
	RoleAdmin  Role = "admin"
)

// A Token is the record of an API token. The token itself is shown once and
// never stored.
type Token struct {
	Name       string
	Role       Role
	CreatedAt  time.Time
	LastUsedAt time.Time // to the hour; zero = never
}

// A KnownHost is an SSH host key that is trusted.
type KnownHost struct {
	Host        string // "host:port", the port always given
	Type        string // "ssh-ed25519"
	Key         []byte // SSH wire format
	Fingerprint string // "SHA256:…"
	Source      string // "builtin", "added" or "file"
	AddedAt     time.Time
}

// A KeyInfo is what may be told of the shared key.
type KeyInfo struct {
	Type                string // "rsa"
	Bits                int
	Fingerprint         string // "SHA256:…"
	PublicKey           string // authorized_keys line
	PassphraseProtected bool   // of the file it is read from
	Source              string // "managed" or "file"
	InstalledAt         time.Time
	Warning             string // "" or why it should be replaced, such as fewer than 3072 bits
}

// A SealedKey is the managed key as the database keeps it.
type SealedKey struct {
	Cipher      []byte // AES-256-GCM: nonce, then the sealed PEM
	PublicKey   string // authorized_keys line
	InstalledAt time.Time
}
