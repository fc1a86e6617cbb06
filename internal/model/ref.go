package model

import "strings"

// The namespaces that are followed.
const (
	HeadPrefix = "refs/heads/"
	TagPrefix  = "refs/tags/"
)

// A Ref is a name for a commit.
type Ref struct {
	Name   string // full: refs/heads/main
	Tip    Hash   // what the ref points at, the tag object for an annotated tag
	Peeled Hash   // the commit of an annotated tag; zero for any other ref
}

// Branch gives the short name of a branch, and false for any other ref.
func (r Ref) Branch() (string, bool) { return strings.CutPrefix(r.Name, HeadPrefix) }

// Tag gives the short name of a tag, and false for any other ref.
func (r Ref) Tag() (string, bool) { return strings.CutPrefix(r.Name, TagPrefix) }

// Commit is the commit the ref leads to.
func (r Ref) Commit() Hash {
	if r.Peeled.IsZero() {
		return r.Tip
	}
	return r.Peeled
}

// A RefUpdate is how a ref changed: zero Old = created, zero New = deleted.
type RefUpdate struct {
	Name   string `json:"ref"`
	Old    Hash   `json:"old"`
	New    Hash   `json:"new"`
	Peeled Hash   `json:"-"` // of New, as in Ref
}

// A RefList is what a server lists in one answer.
type RefList struct {
	Refs    []Ref    // heads and tags, sorted by name
	Default string   // full name of the branch HEAD points at; "" = unknown
	Digest  [32]byte // equal digests mean equal lists; see mirror.Session.Refs
}
