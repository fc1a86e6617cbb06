package mirror

import (
	"bytes"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"

	"issuetrail/internal/model"
)

// filterLine asks for commits and tags alone.
const filterLine = "filter tree:0\n"

// request is the fetch command of version 2. It says done at once: there is
// nothing to negotiate, for the haves are few and chosen.
func (s *Session) request(r FetchRequest, filter bool) []byte {
	var b bytes.Buffer
	e := pktline.NewEncoder(&b)
	_ = e.EncodeString("command=fetch\n", agent+"\n")
	if s.features["object-format"] != "" {
		_ = e.EncodeString("object-format=sha1\n")
	}
	b.WriteString("0001")
	_ = e.EncodeString("ofs-delta\n", "no-progress\n")
	if filter {
		_ = e.EncodeString(filterLine)
	}
	encode(e, "want ", r.Wants)
	encode(e, "have ", r.Haves)
	_ = e.EncodeString("done\n")
	_ = e.Flush()
	return b.Bytes()
}

// request0 is the same in version 0. bands says whether the pack comes in
// bands. Some servers refuse clients that do not announce multi_ack.
func (s *Session) request0(r FetchRequest, filter bool) (b []byte, bands bool) {
	words := []string{agent}
	for _, c := range []capability.Capability{capability.MultiACK, capability.OFSDelta, capability.NoProgress} {
		if s.caps.Supports(c) {
			words = append(words, string(c))
		}
	}
	switch {
	case s.caps.Supports(capability.Sideband64k):
		words, bands = append(words, string(capability.Sideband64k)), true
	case s.caps.Supports(capability.Sideband):
		words, bands = append(words, string(capability.Sideband)), true
	}
	if filter {
		words = append(words, "filter")
	}
	var buf bytes.Buffer
	e := pktline.NewEncoder(&buf)
	wants := s.advertised(r.Wants)
	_ = e.EncodeString("want " + wants[0].String() + " " + strings.Join(words, " ") + "\n")
	encode(e, "want ", wants[1:])
	if filter {
		_ = e.EncodeString(filterLine)
	}
	_ = e.Flush()
	encode(e, "have ", r.Haves)
	_ = e.EncodeString("done\n")
	return buf.Bytes(), bands
}

func encode(e *pktline.Encoder, word string, hashes []model.Hash) {
	for _, h := range hashes {
		_ = e.EncodeString(word + h.String() + "\n")
	}
}

// advertised replaces the commit of an annotated tag by the tag object where
// the server of version 0 listed the commit only as what a tag leads to:
// it refuses any other want.
func (s *Session) advertised(wants []model.Hash) []model.Hash {
	tip := make(map[model.Hash]model.Hash, len(wants))
	for _, h := range wants {
		tip[h] = model.Hash{}
	}
	var last model.Hash
	each(s.list, func(line []byte) {
		var h model.Hash
		if !readHash((*[20]byte)(&h), line) {
			return
		}
		if old, want := tip[h]; !want {
		} else if !bytes.HasSuffix(line, []byte("^{}")) {
			tip[h] = h
		} else if old.IsZero() {
			tip[h] = last
		}
		last = h
	})
	out := make([]model.Hash, len(wants))
	for i, h := range wants {
		if out[i] = tip[h]; out[i].IsZero() {
			out[i] = h // let the server say no
		}
	}
	return out
}
