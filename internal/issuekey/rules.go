// Package issuekey finds Jira issue keys in commit messages and branch names, and says why
// each candidate was taken or refused. It is a hand-written scanner: Go's regular
// expressions cannot look around and would cost more than the rest of a sync.
//
// A candidate is a word of ASCII letters, digits and "_", a dash and digits. It is a key if
//
//   - no letter or digit of any script stands right before or after it, nor a byte that is
//     not UTF-8, and the number is 1 to 2147483647 without a leading zero;
//   - its project is known, then in any case and anywhere, in "x_APP-1" too. With a list of
//     projects nothing else is a key. Without one it must be upper case, or begin
//     a segment of a branch name, and neither be the name of a standard (UTF-8) nor be
//     followed by another number (CVE-2021-44228);
//   - it does not stand in a web address, or in one under the address of a Jira site.
package issuekey

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Version names the grammar. It is raised whenever the same rules would find other
// keys in some text than before: every repo is then linked anew.
const Version = 1

// Limit is the largest number of keys that one text gives.
const Limit = 500

// Lengths of a project key that is not in the list of projects, in bytes. Jira Cloud
// allows at most ten; Data Center up to 255, as its administrator says.
const (
	minKeyLen     = 2
	defaultKeyLen = 10
	maxKeyLen     = 255
)

// Kind says what a text is.
type Kind int

// A message is free text; a branch is a short branch name, "feature/app-7-login".
const (
	Message Kind = iota
	Branch
)

// Options are what the config says of issue keys.
type Options struct {
	Projects   []string          // known project keys, in any case; empty = the strict rules
	Only       []string          // narrows Projects, for one repo; nil = does not
	Aliases    map[string]string // old project key → new one
	JiraBase   []string          // site addresses; keys in any other web address do not count
	DataCenter bool              // keys may hold "_": matters without Projects alone
	MaxKeyLen  int               // longest project key without Projects; 0 = 10
}

// Rules decide which texts are issue keys. They do not change once made, and
// may be used by any number of goroutines.
type Rules struct {
	known      map[string]string // upper-case project → the project its issues are linked to
	longest    int               // bytes of the longest key of known
	set        bool              // known is all there is; false = the strict rules for others
	bases      [][]byte          // lower case, without scheme and trailing slash
	dataCenter bool
	maxLen     int
}

// New makes rules of options.
//
// The known projects are Projects and both sides of each alias. Only then keeps those
// of them whose issues it names, by an old name or the new one; without Projects it
// is the list itself. A non-empty Only of which nothing is known leaves no project at all.
func New(o Options) *Rules {
	r := &Rules{
		known:      map[string]string{},
		set:        len(o.Projects) > 0 || len(o.Only) > 0,
		dataCenter: o.DataCenter,
		maxLen:     min(max(o.MaxKeyLen, 0), maxKeyLen),
	}
	if r.maxLen == 0 {
		r.maxLen = defaultKeyLen
	}
	aliases := map[string]string{}
	for from, to := range o.Aliases {
		aliases[normal(from)] = normal(to)
	}
	names := slices.Concat(o.Projects, slices.Collect(maps.Keys(aliases)), slices.Collect(maps.Values(aliases)))
	if len(o.Projects) == 0 {
		names = append(names, o.Only...)
	}
	wanted := map[string]bool{}
	for _, name := range o.Only {
		wanted[resolve(aliases, normal(name))] = true
	}
	for _, name := range names {
		name = normal(name)
		if to := resolve(aliases, name); name != "" && (len(wanted) == 0 || wanted[to]) {
			r.known[name] = to
			r.longest = max(r.longest, len(name))
		}
	}
	for _, base := range o.JiraBase {
		if _, rest, ok := strings.Cut(strings.ToLower(base), "://"); ok {
			r.bases = append(r.bases, []byte(strings.TrimRight(rest, "/")))
		}
	}
	slices.SortFunc(r.bases, bytes.Compare)
	r.bases = slices.CompactFunc(r.bases, bytes.Equal)
	return r
}

// normal is a project key as Jira writes it.
func normal(project string) string { return strings.ToUpper(strings.TrimSpace(project)) }

// resolve follows aliases to the last name; of a ring of aliases it gives the
// smallest name, so that all members agree.
func resolve(aliases map[string]string, name string) string {
	var seen []string
	for {
		to, ok := aliases[name]
		if !ok || to == "" {
			return name
		}
		if i := slices.Index(seen, name); i >= 0 {
			return slices.Min(seen[i:])
		}
		seen, name = append(seen, name), to
	}
}

// Fingerprint is equal for rules that find the same keys in every text. It is
// stored with the links they made.
func (r *Rules) Fingerprint() string {
	var b strings.Builder
	fmt.Fprintf(&b, "issuekey %d set=%t", Version, r.set)
	if !r.set {
		fmt.Fprintf(&b, " datacenter=%t max=%d", r.dataCenter, r.maxLen)
	}
	for _, name := range slices.Sorted(maps.Keys(r.known)) {
		fmt.Fprintf(&b, "\n%s %s", name, r.known[name])
	}
	for _, base := range r.bases {
		fmt.Fprintf(&b, "\nbase %s", base)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:8])
}
