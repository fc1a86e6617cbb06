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
	// what moves no ref and tells neither of a pull request nor of a change of the
	// repository itself, and then the Push still says what is known. Any
	// other error means that the delivery is not understood. It never panics, and
	// needs little more memory than the body takes.
	Parse(h http.Header, body []byte) (model.Push, error)
	// Links gives the web addresses of a repo; base is the host's, such as
	// https://github.com. A base that is neither http nor https gives none.
	Links(base string, repo model.Repo) model.Links
	// Guide is how a person connects this host, step by step; site says what is
	// filled in.
	Guide(site Site) []Step
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

// All lists the hosts. The first one is that of the demo.
func All() []Host {
	return []Host{
		github{},
		gitlab{},
		bitbucket{},
		bitbucketServer{},
		azure{},
		gerrit{},
		gitblit{},
		gitolite{},
		beanstalk{},
		gitea{},
		plain{},
	}
}

// Kinds lists the words that the config takes as a host's kind.
func Kinds() []string {
	kinds := make([]string, 0, len(All()))
	for _, h := range All() {
		kinds = append(kinds, h.Kind())
	}
	return kinds
}

// ByKind gives the host of a word in the config.
func ByKind(kind string) (Host, bool) {
	for _, h := range All() {
		if h.Kind() == kind {
			return h, true
		}
	}
	return nil, false
}
