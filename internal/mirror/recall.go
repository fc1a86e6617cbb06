package mirror

import (
	"fmt"
	"strings"
	"time"
)

// How long a pool remembers which key worked, and of how many places; and how long it spares an
// account a key that was refused. Servers lock out who is refused too often.
const (
	recallFor   = time.Hour
	spareFor    = 10 * time.Minute
	maxRecalled = 10_000
)

// A memory knows where another key than the first one worked, so that a login that was
// refused is not repeated at each sync. It holds for one set of keys, in their order, and one
// generation of known hosts; the mark stands for both. The pool's mutex guards it.
type memory struct {
	mark    string
	names   map[string]bool // of the keys in the set
	known   map[place]recollection
	refused map[shelfName]time.Time // until when the key, not the first one, is not tried again at the account
}

// A place is a repository, or an account where the path is "".
type place struct {
	account
	path string
}

// A recollection is the key that worked.
type recollection struct {
	name  string
	until time.Time
}

// recalled gives the mark of a set of keys, and the name of the key that worked at the
// repository or, else, its account; "" = none is remembered. When the set is not that of the last call, what
// was remembered is forgotten, and connections of other keys take no more sessions.
func (p *Pool) recalled(set []key, acc account, path string) (mark, name string) {
	names := make([]string, len(set))
	for i, k := range set {
		names[i] = k.name
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	generation := p.o.HostKeys.Generation()
	if mark = fmt.Sprintf("%d %s", generation, strings.Join(names, " ")); mark != p.memory.mark {
		p.memory = memory{mark: mark, names: map[string]bool{}, known: map[place]recollection{}, refused: map[shelfName]time.Time{}}
		for _, n := range names {
			p.memory.names[n] = true
		}
		p.sweep(generation)
	}
	for _, where := range []place{{acc, path}, {acc, ""}} {
		if r, ok := p.memory.known[where]; ok && p.now().Before(r.until) {
			return mark, r.name
		}
	}
	return mark, ""
}

// sweep condemns the connections of keys and known hosts that are no longer valid.
func (p *Pool) sweep(generation uint64) {
	for _, sh := range p.shelves {
		for _, c := range sh.conns {
			if !p.memory.names[c.id.fingerprint] || c.id.generation != generation {
				c.condemn()
			}
		}
	}
}

// recall remembers the key that worked, and says whether that is news; "" forgets. It does
// nothing when the keys have changed since the mark.
func (p *Pool) recall(mark string, where place, name string) (news bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.memory.known
	if mark != p.memory.mark {
		return false
	}
	before, ok := known[where]
	if name == "" {
		delete(known, where)
		return ok
	}
	if len(known) >= maxRecalled {
		p.makeRoom()
	}
	known[where] = recollection{name, p.now().Add(recallFor)}
	return !ok || before.name != name || !p.now().Before(before.until)
}

// spared says which keys of a set are not to be tried at the account just now: those that stand in for
// the first one, were refused there a short while ago, and have not worked.
func (p *Pool) spared(acc account, set []key, best string) map[string]bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	spared := map[string]bool{}
	for _, k := range set[1:] {
		if until, ok := p.memory.refused[shelfName{acc, k.name}]; ok && k.name != best && p.now().Before(until) {
			spared[k.name] = true
		}
	}
	return spared
}

// spare notes that a key was refused at the account. It does nothing when the keys have
// changed since the mark.
func (p *Pool) spare(mark string, acc account, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if mark != p.memory.mark {
		return
	}
	if len(p.memory.refused) >= maxRecalled {
		clear(p.memory.refused)
	}
	p.memory.refused[shelfName{acc, name}] = p.now().Add(spareFor)
}

// makeRoom forgets what is too old or, where nothing is, anything: it is found out again.
func (p *Pool) makeRoom() {
	known := p.memory.known
	for where, r := range known {
		if !p.now().Before(r.until) {
			delete(known, where)
		}
	}
	for where := range known {
		if len(known) < maxRecalled {
			return
		}
		delete(known, where)
	}
}
