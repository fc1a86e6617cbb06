// Package hosts knows what differs between git hosts: how a delivery proves
// itself, how it names its repository and refs, and where a commit is shown on
// the web. One file per host; what several of them share lies beside.
package hosts

import (
	"errors"
	"fmt"
	"net/http"

	"issuetrail/internal/model"
)

// A Host knows one git-hosting product. Implementations hold no state.
type Host interface {
	// Kind is the word in the config.
	Kind() string
	// Verify says whether the delivery proves that its sender knows secret. Its
	// error wraps ErrSignature. The comparison takes constant time, and an empty
	// secret never verifies. Body is the raw one; nothing of it is parsed.
	Verify(h http.Header, body []byte, secret Secret) error
	// Parse reads a delivery that was verified. Its error wraps ErrIgnored for
	// what moves no ref, and then the Push still says what is known. Any
	// other error means that the delivery is not understood. It never panics, and
	// needs little more memory than the body takes.
	Parse(h http.Header, body []byte) (model.Push, error)
	// Links gives the web addresses of a repo; base is the host's, such as
	// https://github.com. A base that is neither http nor https gives none.
	Links(base string, repo model.Repo) model.Links
}

// A PathSecret is a Host that cannot sign: its secret is the last part of the
// webhook's path. Then VerifyPath decides, and Verify is not asked.
type PathSecret interface {
	// VerifyPath compares as Verify does, and its error wraps ErrSignature.
	VerifyPath(given string, secret Secret) error
}

// What the errors of Verify and Parse wrap.
var (
	ErrSignature = errors.New("the signature is missing or wrong")
	ErrIgnored   = errors.New("nothing to do")
)

// ignored is an ErrIgnored with its reason.
type ignored struct{ reason string }

func (e *ignored) Error() string { return e.reason }
func (e *ignored) Unwrap() error { return ErrIgnored }

func ignore(format string, args ...any) error {
	return &ignored{fmt.Sprintf(format, args...)}
}

// All lists the hosts whose deliveries are understood.
func All() []Host { return []Host{github{}, gitlab{}, plain{}} }

// ByKind gives the host of a word in the config, and false both for a word
// that is none and for a kind whose webhooks come later.
func ByKind(kind string) (Host, bool) {
	for _, h := range All() {
		if h.Kind() == kind {
			return h, true
		}
	}
	return nil, false
}
