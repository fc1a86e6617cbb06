package wire

// Key is what may be told of the shared key.
type Key struct {
	Type                string   `json:"type"` // rsa
	Bits                int      `json:"bits"`
	Fingerprint         string   `json:"fingerprint"`
	PublicKey           string   `json:"public_key"`
	PassphraseProtected bool     `json:"passphrase_protected"`
	Source              string   `json:"source"` // managed or file
	InstalledAt         Time     `json:"installed_at"`
	Previous            *KeptKey `json:"previous"` // the fallback; null
	Staged              *KeptKey `json:"staged"`   // is tried out; null
	// ConvertedFrom is set by PUT alone: openssh, pkcs8, putty, or "" for PEM as it was.
	ConvertedFrom *string `json:"converted_from,omitempty"`
	Warning       string  `json:"warning,omitempty"`
}

// A KeptKey is a key beside the active one.
type KeptKey struct {
	Type        string `json:"type"` // rsa
	Bits        int    `json:"bits"`
	Fingerprint string `json:"fingerprint"`
	PublicKey   string `json:"public_key"`
	InstalledAt Time   `json:"installed_at"`
	// ConvertedFrom is set by POST /key/stage of a private key alone, as that of Key.
	ConvertedFrom *string `json:"converted_from,omitempty"`
	Warning       string  `json:"warning,omitempty"`
}

// NewKey is the body of PUT /key.
type NewKey struct {
	PrivateKey string `json:"private_key"`
	Passphrase string `json:"passphrase,omitempty"`
}

// GenerateKey is the body of POST /key/generate.
type GenerateKey struct {
	Bits          int  `json:"bits,omitempty"`            // 0 = 4096
	OnlyIfMissing bool `json:"only_if_missing,omitempty"` // 409 key_exists rather than a second key
}

// StageKey is the body of POST /key/stage: a private key, or the size of one to make.
type StageKey struct {
	PrivateKey string `json:"private_key,omitempty"` // "" = make one
	Passphrase string `json:"passphrase,omitempty"`
	Bits       int    `json:"bits,omitempty"` // of one to make; 0 = 4096
}

// Rewrap is the answer of POST /key/rewrap.
type Rewrap struct {
	Keys int    `json:"keys"` // that are sealed anew
	Note string `json:"note"` // what a person does next
}

// A KeyCheck is what a repository's server says of the staged key and of the active one.
type KeyCheck struct {
	RepositoryID string  `json:"repository_id"`
	Repository   string  `json:"repository"`
	URL          string  `json:"url"`
	Host         string  `json:"host"`
	Server       string  `json:"server"` // host:port
	Staged       *string `json:"staged"` // "ok", or the code of why not; null: not tried yet, or no key is staged
	Active       *string `json:"active"` // the same of the last sync; null: there was none yet
	Detail       string  `json:"detail"` // of Staged
	Hint         string  `json:"hint"`   // of Staged: what mends it on this host
	CheckedAt    Time    `json:"checked_at"`
}

// Checking is the answer of POST /key/check.
type Checking struct {
	Status  string `json:"status"`   // always "checking"
	AskedAt Time   `json:"asked_at"` // what was tried after this is the answer
}

// KeyStatus is the answer of GET /key/status: the health of each server that repositories are on.
type KeyStatus struct {
	Active   *KeptKey    `json:"active"`
	Staged   *KeptKey    `json:"staged"`
	Previous *KeptKey    `json:"previous"`
	Checking bool        `json:"checking"` // what POST /key/check asked for is not done yet
	Accepted int         `json:"accepted"` // repositories that accept the staged key
	Expected int         `json:"expected"` // of as many: those over SSH that are not suspended
	Servers  []KeyServer `json:"servers"`
}

// A KeyServer is one server: a line of the health matrix.
type KeyServer struct {
	Server         string        `json:"server"` // host:port
	Scheme         string        `json:"scheme"` // ssh or https
	Host           string        `json:"host"`   // entry of hosts, or a kind
	HostKeys       []ServerKey   `json:"host_keys"`
	Algorithms     []string      `json:"algorithms"`      // that our key may sign with there
	Tried          *ServerTrial  `json:"tried"`           // the last login, by a test or a check; null: none since the daemon's start
	PreviousNeeded bool          `json:"previous_needed"` // syncs work with the previous key where the active one does not
	LastSuccess    Time          `json:"last_success"`
	Repositories   ServerRepos   `json:"repositories"`
	StagedRepos    *StagedRepos  `json:"staged"` // null: no key is staged, or the server asks for none
	Failures       []FailedRepos `json:"failures"`
}

// A ServerKey is a host key that is trusted for a server.
type ServerKey struct {
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"` // "" for one that a pattern or a hashed name gives
	Source      string `json:"source"`
}

// A ServerTrial is how a login went.
type ServerTrial struct {
	OK        bool   `json:"ok"`
	Key       string `json:"key"`       // fingerprint of the key that got in; "" = none did
	Role      string `json:"role"`      // of that key: active, previous or staged; "" = it is none of them now
	Algorithm string `json:"algorithm"` // that it signed with; "" = it came not so far
	HostKey   string `json:"host_key"`  // fingerprint that the server showed; "" = none
	Code      string `json:"code"`
	Detail    string `json:"detail"`
	Hint      string `json:"hint"`
	At        Time   `json:"at"`
}

// ServerRepos counts the repositories of a server.
type ServerRepos struct {
	Total     int `json:"total"`     // suspended ones too
	Reachable int `json:"reachable"` // whose last sync worked
	Suspended int `json:"suspended"`
}

// StagedRepos counts what the repositories of a server say of the staged key.
type StagedRepos struct {
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`
	Untried  int `json:"untried"`
}

// FailedRepos are the repositories of a server whose last sync failed in one way.
type FailedRepos struct {
	Code         string `json:"code"`
	Repositories int    `json:"repositories"`
	Hint         string `json:"hint"`
}

// TestRequest is the body of POST /connections/test.
type TestRequest struct {
	URL string `json:"url"`
}

// TestResult is the answer of POST /connections/test.
type TestResult struct {
	OK        bool       `json:"ok"`
	Refs      int        `json:"refs"`
	HostKey   *string    `json:"host_key"`  // fingerprint that the server showed; null: it did not come so far
	Key       *string    `json:"key"`       // fingerprint of our key that was accepted; null: none was
	Algorithm string     `json:"algorithm"` // that it signed with; "" = it came not so far
	Protocol  int        `json:"protocol"`  // of git: 0 or 2
	Filter    bool       `json:"filter"`    // the server can leave trees and blobs out
	Steps     []TestStep `json:"steps"`     // in their order; one that failed is the last
	Code      string     `json:"code"`      // "" when OK, as the two below
	Detail    string     `json:"detail"`
	Hint      string     `json:"hint"`
}

// A TestStep is one part of a connection test.
type TestStep struct {
	Name       string  `json:"name"` // dns, tcp, host_key, authentication, repository, refs or protocol; over HTTPS tls too
	OK         bool    `json:"ok"`
	DurationMS float64 `json:"duration_ms"`
	Detail     string  `json:"detail"`
}
