package wire

// A KnownHost is a trusted SSH host key, or one that a scan found.
type KnownHost struct {
	Host        string `json:"host"`   // host:port; else the patterns or the hashed name of a known_hosts line
	Marker      string `json:"marker"` // "", or as in a known_hosts file: revoked, cert-authority
	Type        string `json:"type"`
	Fingerprint string `json:"fingerprint"`
	Key         string `json:"key"`     // base64, as in a known_hosts file
	Source      string `json:"source"`  // builtin, added, imported, file, or "" for one that a scan found
	Trusted     bool   `json:"trusted"` // of a scan: this very key is trusted already
	AddedAt     Time   `json:"added_at"`
	SourceURL   string `json:"source_url"`  // of a built-in key: where its vendor publishes it; else ""
	SourceDate  string `json:"source_date"` // of a built-in key: the day it was compared with that page, 2006-01-02; else ""
}

// HostImport is the body of POST /known-hosts/import.
type HostImport struct {
	Text string `json:"text"` // of a known_hosts file
}

// HostImported is the answer to it.
type HostImported struct {
	Added   []KnownHost `json:"added"`
	Present []KnownHost `json:"present"` // were trusted already
	LeftOut []LeftOut   `json:"left_out"`
}

// A LeftOut is a line of a known_hosts file that was not imported.
type LeftOut struct {
	Line   int    `json:"line"` // from 1
	Host   string `json:"host"`
	Reason string `json:"reason"`
}

// NewKnownHost is the body of POST /known-hosts.
type NewKnownHost struct {
	Host        string `json:"host"` // host or host:port
	Fingerprint string `json:"fingerprint"`
}

// ScanRequest is the body of POST /known-hosts/scan.
type ScanRequest struct {
	Host string `json:"host"` // host or host:port
}

// A Token is the record of an API token.
type Token struct {
	Name       string `json:"name"`
	Role       string `json:"role"`
	CreatedAt  Time   `json:"created_at"`
	LastUsedAt Time   `json:"last_used_at"`    // to the hour; null = never
	Token      string `json:"token,omitempty"` // only in the answer that makes it
}

// NewToken is the body of POST /tokens.
type NewToken struct {
	Name string `json:"name"`
	Role string `json:"role"`
}
