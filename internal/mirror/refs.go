package mirror

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"issuetrail/internal/model"
)

// agent is how the daemon names itself to git.
const agent = "agent=issuetrail"

// maxList bounds the bytes of a list for each ref that the limits allow.
const maxList = 320

// maxAdvertised bounds the lines of a greeting in version 0, where a server lists
// also what is not followed, such as pull requests.
const maxAdvertised = 20_000_000

// Refs lists heads and tags in one round trip. If the digest of the list is
// same, Refs of the result stays nil and nothing was parsed: the list is that of the call
// which gave same. An empty repository gives an empty list and no error.
//
// The digest is SHA-256 over what the server sent of HEAD, heads and tags. It may
// change although the list did not, such as after the server was updated.
//
// A name that is no ref name, or longer than the limit, is left out. Bytes of
// a name that are not UTF-8 are written as \xff, which no ref name holds by itself.
func (s *Session) Refs(ctx context.Context, same [32]byte) (model.RefList, error) {
	list, err := s.listAnyhow(ctx)
	if err != nil {
		return model.RefList{}, s.clean(err)
	}
	s.keys.worked()
	parse := parseAdvertised
	if s.version == 2 {
		parse = parseListed
	}
	digest := sha256.Sum256(list)
	if digest == same {
		return model.RefList{Digest: digest}, nil
	}
	out := parse(list, s.pool.o.Limits.RefName)
	out.Digest = digest
	return out, nil
}

// listAnyhow gets the list as the server sends it, with another key where one is refused.
func (s *Session) listAnyhow(ctx context.Context) ([]byte, error) {
	for {
		stop, err := s.begin(ctx)
		if err != nil {
			stop()
			return nil, err
		}
		list := s.list
		if s.version == 2 {
			list, err = s.lsRefs()
		}
		stop()
		switch {
		case err == nil || ctx.Err() != nil:
			return list, err
		case s.gone(err): // not more than once: the next one is new
			s.keys.again()
		case !s.keys.refused(err, false):
			return nil, err
		}
		if err := s.reopen(ctx); err != nil {
			return nil, err
		}
	}
}

// lsRefs asks for the list in version 2. It comes back as it came, packet by
// packet with the lengths.
func (s *Session) lsRefs() ([]byte, error) {
	var b bytes.Buffer
	e := pktline.NewEncoder(&b)
	_ = e.EncodeString("command=ls-refs\n", agent+"\n")
	if f := s.features["object-format"]; f != "" {
		_ = e.EncodeString("object-format=sha1\n")
	}
	b.WriteString("0001")
	_ = e.EncodeString("peel\n", "symrefs\n")
	if hasWord(s.features["ls-refs"], "unborn") {
		_ = e.EncodeString("unborn\n")
	}
	_ = e.EncodeString("ref-prefix HEAD\n", "ref-prefix "+model.HeadPrefix+"\n", "ref-prefix "+model.TagPrefix+"\n")
	_ = e.Flush()
	if _, err := s.talk.Write(b.Bytes()); err != nil {
		return nil, s.failed(err)
	}
	l := listing{limit: s.pool.o.Limits.Refs}
	for {
		kind, raw, err := s.wire.raw()
		if err != nil {
			return nil, s.failed(err)
		}
		if kind != data {
			return l.b, nil
		}
		if bytes.HasPrefix(raw[4:], []byte("ERR ")) {
			return nil, serverError(raw[4:])
		}
		if err := l.add(raw); err != nil {
			return nil, err
		}
	}
}

// A listing is a list of refs as the server sent it: packet lines, one after
// the other, with their lengths.
type listing struct {
	b     []byte
	n     int
	limit int // refs
}

func (l *listing) add(raw []byte) error {
	if !bytes.HasSuffix(raw, []byte("^{}\n")) { // the second line of a tag, in version 0
		l.n++
	}
	if l.n > l.limit+2 || len(l.b) > l.limit*maxList+maxPacket { // two lines may be of HEAD
		return limitError("the repository has more than %d branches and tags", l.limit)
	}
	l.b = append(l.b, raw...)
	return nil
}

// each calls f for each line of a listing, without the line break.
func each(list []byte, f func(line []byte)) {
	for len(list) >= 4 {
		n := hexLength(list)
		f(bytes.TrimSuffix(list[4:n], []byte{'\n'}))
		list = list[n:]
	}
}

// readAdvertised reads the greeting of version 0: all refs of the server, of
// which HEAD, heads and tags are kept. The first line carries the features.
func (s *Session) readAdvertised(line []byte) error {
	if err := serverError(line); err != nil {
		return err
	}
	first, words, ok := bytes.Cut(line, []byte{0})
	if !ok && !bytes.HasPrefix(line, []byte("shallow ")) {
		return protocolError("the server's first line is not git's: %.100q", told(string(line)))
	}
	s.caps = capability.NewList()
	if err := s.caps.Decode(bytes.TrimSpace(words)); err != nil {
		return protocolError("read the server's features: %w", err)
	}
	if f := s.caps.Get("object-format"); len(f) > 0 && f[0] != "sha1" {
		return unsupportedError()
	}
	l := listing{limit: s.pool.o.Limits.Refs}
	for _, ref := range s.caps.Get(capability.SymRef) {
		if strings.HasPrefix(ref, "HEAD:") {
			_ = l.add(fmt.Appendf(nil, "%04xsymref %s\n", 4+len("symref ")+len(ref)+1, ref))
		}
	}
	raw := fmt.Appendf(nil, "%04x%s\n", 4+len(first)+1, first)
	for kind, n := data, 0; kind == data; n++ {
		if n > maxAdvertised {
			return limitError("the server lists more than %d refs of all kinds", maxAdvertised)
		}
		if wanted(raw[4:]) {
			if err := l.add(raw); err != nil {
				return err
			}
		}
		var err error
		if kind, raw, err = s.wire.raw(); err != nil {
			return s.failed(err)
		}
	}
	s.list = l.b
	return nil
}

// wanted says whether a line of version 0 is of a ref that is followed, or HEAD.
func wanted(line []byte) bool {
	if len(line) < 42 || line[40] != ' ' {
		return false
	}
	name := line[41:]
	return bytes.HasPrefix(name, []byte(model.HeadPrefix)) || bytes.HasPrefix(name, []byte(model.TagPrefix)) ||
		bytes.Equal(name, []byte("HEAD\n"))
}
