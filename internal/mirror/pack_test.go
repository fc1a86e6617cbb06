package mirror

import (
	"bytes"
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"issuetrail/internal/model"
)

// A packWriter writes packs that git would not.
type packWriter struct {
	b bytes.Buffer
	n uint32
}

// entry appends an entry and gives its offset. base is what stands before the
// compressed data of a delta.
func (w *packWriter) entry(kind int, base, content []byte) int64 {
	at := int64(w.b.Len()) + 12
	size := len(content)
	c := byte(kind<<4 | size&15)
	for size >>= 4; size > 0; size >>= 7 {
		w.b.WriteByte(c | 0x80)
		c = byte(size & 0x7f)
	}
	w.b.WriteByte(c)
	w.b.Write(base)
	w.b.Write(deflate(6, content))
	w.n++
	return at
}

func (w *packWriter) bytes() []byte {
	b := append([]byte("PACK\x00\x00\x00\x02"), binary.BigEndian.AppendUint32(nil, w.n)...)
	b = append(b, w.b.Bytes()...)
	sum := sha1.Sum(b)
	return append(b, sum[:]...)
}

// back encodes the distance of an offset delta.
func back(n int64) []byte {
	out := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		n--
		out = append([]byte{byte(n&0x7f) | 0x80}, out...)
	}
	return out
}

// delta makes a delta that copies all of base and appends a text.
func delta(base, text string) []byte {
	out := binary.AppendUvarint(nil, uint64(len(base)))
	out = binary.AppendUvarint(out, uint64(len(base)+len(text)))
	out = append(out, 0x80|0x10|0x20, byte(len(base)), byte(len(base)>>8))
	return append(append(out, byte(len(text))), text...)
}

func commitText(i int) string {
	return fmt.Sprintf("tree %040d\nauthor a <a> 1 +0000\ncommitter c <c> 2 +0000\n\nAPP-%d\n", i, i)
}

func nameOf(kind, raw string) model.Hash {
	return sha1.Sum([]byte(fmt.Sprintf("%s %d\x00%s", kind, len(raw), raw)))
}

// readPack reads a pack that comes in pieces of some length.
func readPack(t *testing.T, b []byte, piece int, l Limits) (commits []string, p *packReader, err error) {
	t.Helper()
	next := func() ([]byte, error) {
		if len(b) == 0 {
			return nil, io.EOF
		}
		n := min(piece, len(b))
		out := slices.Clone(b[:n])
		b = b[n:]
		return out, nil
	}
	o := Options{Limits: l, TempDir: t.TempDir()}.withDefaults()
	p = newPackReader(next, o, FetchRequest{}, func(c model.RawCommit) error {
		commits = append(commits, string(c.Raw))
		if c.Hash != nameOf("commit", string(c.Raw)) {
			t.Errorf("%s is not the name of %q", c.Hash, c.Raw)
		}
		return nil
	})
	defer p.spool.close()
	// Nothing is wanted: the graph would be closed at once, and the pack not be read.
	p.graph.await(model.Hash{0xff}, wantedOnly)
	return commits, p, p.read()
}

// oddPack has deltas of every kind: before their bases, in chains, of tags and
// blobs, and an object twice.
func oddPack() (pack []byte, want []string) {
	var w packWriter
	a := commitText(1)
	b, c, d := a+"b", a+"bc", a+"bcd"
	hb, hc, ha := nameOf("commit", b), nameOf("commit", c), nameOf("commit", a)
	w.entry(typeRefDelta, hc[:], delta(c, "d")) // of a delta that follows
	at := w.entry(typeRefDelta, hb[:], delta(b, "c"))
	next := int64(w.b.Len()) + 12
	w.entry(typeOfsDelta, back(next-at), delta(c, "e")) // of a delta that waits
	blob := w.entry(typeBlob, nil, bytes.Repeat([]byte("blob"), 100_000))
	next = int64(w.b.Len()) + 12
	w.entry(typeOfsDelta, back(next-blob), delta("whatever", "x"))
	w.entry(typeRefDelta, ha[:], delta(a, "b"))
	w.entry(typeCommit, nil, []byte(a))
	w.entry(typeCommit, nil, []byte(a))
	tag := "object " + hc.String() + "\ntype commit\ntag v1\n\n"
	tagAt := w.entry(typeTag, nil, []byte(tag))
	next = int64(w.b.Len()) + 12
	w.entry(typeOfsDelta, back(next-tagAt), delta(tag, "more"))
	for i := range 300 {
		w.entry(typeCommit, nil, []byte(commitText(1000+i)))
		want = append(want, commitText(1000+i))
	}
	return w.bytes(), append(want, a, b, c, d, c+"e")
}

func TestPack(t *testing.T) {
	pack, want := oddPack()
	slices.Sort(want)
	for _, piece := range []int{1, 7, 1000, 64 << 10, 1 << 20} {
		got, p, err := readPack(t, pack, piece, Limits{})
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Fatalf("pieces of %d: %d commits, want %d; %v", piece, len(got), len(want), err)
		}
		if tags := p.graph.peeled(); len(tags) != 2 {
			t.Errorf("tags %v", tags)
		}
	}
}

// TestBrokenPack cuts and damages a pack in all ways: each gives a failure, or
// the commits that were sent.
func TestBrokenPack(t *testing.T) {
	pack, want := oddPack()
	for cut := 0; cut < len(pack); cut += 1 + cut/10 {
		_, _, err := readPack(t, pack[:cut], 4096, Limits{})
		wantCode(t, err, model.CodeProtocol)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for range 150 {
		b := slices.Clone(pack)
		b[r.IntN(len(b))] ^= 1 << r.IntN(8)
		if got, _, err := readPack(t, b, 64<<10, Limits{}); err == nil || len(got) > len(want)+1 {
			t.Errorf("a damaged pack gave %d commits", len(got))
		}
	}
}

func TestPackLimits(t *testing.T) {
	pack, want := oddPack()
	for name, l := range map[string]Limits{
		"objects": {Objects: 10}, "pack": {Pack: 1000}, "object": {Object: 1000},
	} {
		_, _, err := readPack(t, pack, 4096, l)
		if wantCode(t, err, model.CodeLimitExceeded); t.Failed() {
			t.Log(name)
		}
	}
	// A commit beyond the limit is lost, and nothing else.
	var w packWriter
	w.entry(typeCommit, nil, []byte(strings.Repeat("x", 5000)))
	base := w.entry(typeCommit, nil, []byte(want[0]))
	next := int64(w.b.Len()) + 12
	w.entry(typeOfsDelta, back(next-base), delta(want[0], strings.Repeat("y", 100)))
	w.entry(typeCommit, nil, []byte(want[1]))
	got, _, err := readPack(t, w.bytes(), 4096, Limits{Kept: int64(len(want[0])) + 50})
	if err != nil || len(got) != 2 {
		t.Errorf("%d commits, %v", len(got), err)
	}
}

// TestSpool goes past the memory that a spool uses.
func TestSpool(t *testing.T) {
	s := spool{dir: t.TempDir()}
	defer s.close()
	var positions []int64
	piece := func(i int) []byte { return bytes.Repeat([]byte{byte(i)}, 300_000) }
	for i := range 10 {
		pos, err := s.add(piece(i))
		if err != nil {
			t.Fatal(err)
		}
		positions = append(positions, pos)
	}
	for i, pos := range positions {
		b := make([]byte, 300_000)
		if err := s.read(b, pos); err != nil || !bytes.Equal(b, piece(i)) {
			t.Errorf("piece %d: %v", i, err)
		}
	}
}

func FuzzPack(f *testing.F) {
	var w packWriter
	a := commitText(1)
	ha := nameOf("commit", a)
	w.entry(typeRefDelta, ha[:], delta(a, "b"))
	w.entry(typeCommit, nil, []byte(a))
	f.Add(w.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, _ = readPack(t, b, 100, Limits{Kept: 1 << 16, Object: 1 << 20})
	})
}
