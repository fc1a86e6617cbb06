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
	Role                KeyRole
	Warning             string // "" or why it should be replaced, such as fewer than 3072 bits
}

// A KeyRole is what a key is kept for.
type KeyRole string

// The roles. At most one key has each. The active key logs in; where a server refuses it or does not find
// the repository, the previous one is tried. The staged one is only tried out.
const (
	KeyActive   KeyRole = "active"
	KeyStaged   KeyRole = "staged"
	KeyPrevious KeyRole = "previous"
)

// A KeyCheck is what a server said when a key was tried for a repo.
type KeyCheck struct {
	RepoID      int64
	Fingerprint string // of the key, "SHA256:…"
	OK          bool
	Code        string // a Failure's, when not OK
	Detail      string // a Failure's, when not OK
	CheckedAt   time.Time
}

// A SealedKey is a managed key as the database keeps it.
type SealedKey struct {
	Role        KeyRole
	Cipher      []byte // AES-256-GCM: nonce, then the sealed PEM
	PublicKey   string // authorized_keys line
	InstalledAt time.Time
}
