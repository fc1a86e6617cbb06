package model

import "errors"

// The stable codes of failures, as the API shows them in last_error and in the
// answer of a connection test.
const (
	CodeAuthFailed     = "auth_failed"      // the server refused the key
	CodeHostKeyUnknown = "host_key_unknown" // nobody said yet that this host key is right
	CodeHostKeyChanged = "host_key_changed" // another host key than the trusted one
	CodeNotFound       = "not_found"        // the server knows no such repository, or hides it from the key
	CodeUnreachable    = "unreachable"      // no address, no route, connection refused or reset
	CodeTimeout        = "timeout"          // a time limit ran out
	CodeURLInvalid     = "url_invalid"      // not an address of a repository
	CodeURLForbidden   = "url_forbidden"    // an address that sync.allow_addresses does not allow
	CodeLimitExceeded  = "limit_exceeded"   // more refs, objects or bytes than the limits allow
	CodeUnsupported    = "unsupported"      // SHA-256 repositories
	CodeKeyMissing     = "key_missing"      // there is no shared key yet
	CodeProtocol       = "protocol_error"   // the server said what git does not say
	CodeDiskFull       = "disk_full"        // our own disk, or the database's
	CodeInternal       = "internal"         // a fault of issuetrail
)

// A Failure is an error that a person can act on: why a sync or a connection
// test did not work. It holds no secret.
type Failure struct {
	Code   string // one of the Code constants
	Detail string // what was wrong, lower case, subject named
	Hint   string // what mends it: the page, the command, the key to add where; may be empty
	Err    error  // the cause, or nil
}

// Error gives the detail.
func (f *Failure) Error() string { return f.Detail }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

// Attention says whether a person must act before a retry can help. Such a
// failure waits for the schedule; any other one is retried with backoff.
func (f *Failure) Attention() bool {
	switch f.Code {
	case CodeAuthFailed, CodeHostKeyUnknown, CodeHostKeyChanged, CodeNotFound, CodeURLInvalid,
		CodeURLForbidden, CodeLimitExceeded, CodeUnsupported, CodeKeyMissing:
		return true
	}
	return false
}

// AsFailure gives the Failure in err's chain, or one of code internal that
// wraps err.
func AsFailure(err error) *Failure {
	var f *Failure
	if errors.As(err, &f) {
		return f
	}
	return &Failure{Code: CodeInternal, Detail: err.Error(), Err: err}
}

// Errors that several rooms name.
var (
	ErrNotFound = errors.New("not found")      // the store has no such row
	ErrExists   = errors.New("exists already") // a repository of that address, a token of that name
	ErrFenced   = errors.New("the job is no longer ours")

	// ErrUnavailable says that the database cannot be reached, or takes no work now.
	ErrUnavailable = errors.New("the database cannot be reached")
)
