package issuekey

import (
	"bytes"
	"unsafe"

	"issuetrail/internal/model"
)

// maxNumber is the largest issue number that is believed.
const maxNumber = 1<<31 - 1

// A token is a place in a text that may be an issue key: a word, "-", digits.
//
//	feature_ABC-123_x
//	^start  ^from ^dash  ^end
type token struct {
	start int // of the whole word of ASCII letters, digits and "_"
	from  int // of the project key within it; set by judge
	dash  int
	end   int // after the last digit
}

// next finds the first "-" followed by a digit and preceded by a word, at or after at.
// Most texts hold none, so this is where the time of a scan goes.
func next(text []byte, at int) (token, bool) {
	for {
		i := bytes.IndexByte(text[at:], '-')
		if i < 0 {
			return token{}, false
		}
		dash := at + i
		at = dash + 1
		if at == len(text) {
			return token{}, false
		}
		if !isDigit(text[at]) || dash == 0 || !isWord(text[dash-1]) {
			continue
		}
		start, end := dash-1, at+1
		for start > 0 && isWord(text[start-1]) {
			start--
		}
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		return token{start: start, from: start, dash: dash, end: end}, true
	}
}

// Find gives the issue keys that text names, upper case, each once, in the order of
// first sight, at most Limit. It allocates nothing when there is none.
func (r *Rules) Find(text []byte, kind Kind) []model.IssueKey {
	var found list
	s := scanner{rules: r, text: text, kind: kind}
	for at := 0; len(found.keys) < Limit; {
		t, ok := next(text, at)
		if !ok {
			break
		}
		at = t.end
		if s.judge(&t).taken() {
			var buf [maxKeyLen + 16]byte
			found.add(s.key(&t, buf[:0]))
		}
	}
	return found.keys
}

// FindString is Find for a string, such as a branch name.
func (r *Rules) FindString(text string, kind Kind) []model.IssueKey {
	return r.Find(unsafe.Slice(unsafe.StringData(text), len(text)), kind) // Find only reads
}

// key appends the issue key of a taken token to buf, an alias resolved.
func (s *scanner) key(t *token, buf []byte) []byte {
	buf = appendUpper(buf, s.text[t.from:t.dash])
	if to, ok := s.rules.known[string(buf)]; ok {
		buf = append(buf[:0], to...)
	}
	return append(buf, s.text[t.dash:t.end]...)
}

// A list keeps keys in order without repeats.
type list struct {
	keys []model.IssueKey
	seen map[model.IssueKey]struct{} // only once there are many
}

// few is the number of keys up to which comparing beats a map.
const few = 16

func (l *list) add(key []byte) bool {
	if l.has(key) {
		return false
	}
	k := model.IssueKey(key)
	l.keys = append(l.keys, k)
	switch {
	case len(l.keys) == few:
		l.seen = make(map[model.IssueKey]struct{}, 4*few)
		for _, old := range l.keys {
			l.seen[old] = struct{}{}
		}
	case len(l.keys) > few:
		l.seen[k] = struct{}{}
	}
	return true
}

func (l *list) has(key []byte) bool {
	if l.seen != nil {
		_, ok := l.seen[model.IssueKey(key)]
		return ok
	}
	for _, k := range l.keys {
		if string(k) == string(key) {
			return true
		}
	}
	return false
}
