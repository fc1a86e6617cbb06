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

// A KnownHost is an SSH host key that is trusted, or by its marker one that is not.
type KnownHost struct {
	Host        string // "host:port", the port always given; else what OpenSSH writes for it: patterns, or a hashed name
	Marker      string // "", "revoked" or "cert-authority", as in a known_hosts file
	Type        string // "ssh-ed25519"
	Key         []byte // SSH wire format
	Fingerprint string // "SHA256:…"
	Source      string // "builtin", "added", "imported" or "file"
	AddedAt     time.Time
	Page        string // of a built-in key: where its vendor publishes it
	Dated       string // of a built-in key: the day it was compared with that page, "2006-01-02"
}

// A HostImport says what became of each line of a known_hosts file.
type HostImport struct {
	Added   []KnownHost
	Present []KnownHost // were trusted already
	LeftOut []LeftOut
}

// A LeftOut is a line, or one of its hosts, that was not imported.
type LeftOut struct {
	Line   int    // from 1
	Host   string // as the line has it; "" if it has none
	Reason string // for a person, with what to do
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
