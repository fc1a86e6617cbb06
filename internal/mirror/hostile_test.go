package mirror

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// TestWaitingBomb has deltas whose base never comes: a kilobyte of the pack is a
// megabyte on disk.
func TestWaitingBomb(t *testing.T) {
	var w packWriter
	zeros := make([]byte, 1<<20)
	for i := range 20 {
		w.entry(typeRefDelta, bytes.Repeat([]byte{byte(i + 1)}, 20), zeros)
	}
	p := packOf(t, w.bytes(), 64<<10, Limits{})
	p.floor = 4 << 20
	wantCode(t, p.read(), model.CodeLimitExceeded, "inflate to more than")
}

// packOf is a reader of a pack that comes in pieces.
func packOf(t *testing.T, b []byte, piece int, l Limits) *packReader {
	t.Helper()
	r := bytes.NewReader(b)
	buf := make([]byte, piece)
	next := func() ([]byte, error) {
		n, err := r.Read(buf)
		return buf[:n], err
	}
	p := newPackReader(next, Options{Limits: l, TempDir: t.TempDir()}.withDefaults(), FetchRequest{}, func(model.RawCommit) error { return nil })
	p.graph.await(model.Hash{0xff}, wantedOnly)
	t.Cleanup(p.spool.close)
	return p
}

// TestManyParents has few commits that name many others: each name takes memory.
func TestManyParents(t *testing.T) {
	var w packWriter
	for i := range 5 {
		var b strings.Builder
		fmt.Fprintf(&b, "tree %040d\n", i)
		for n := range 1000 {
			fmt.Fprintf(&b, "parent %040d\n", 1+1000*i+n)
		}
		w.entry(typeCommit, nil, []byte(b.String()+"\n"))
	}
	wantCode(t, packOf(t, w.bytes(), 4096, Limits{Commits: 3000}).read(), model.CodeLimitExceeded, "parents")
	if err := packOf(t, w.bytes(), 4096, Limits{Commits: 6000}).read(); err != nil {
		t.Error(err)
	}
	// The same object again and again names nothing new, and yet takes memory.
	var same packWriter
	for range 100 {
		same.entry(typeCommit, nil, []byte(commitText(1)))
	}
	wantCode(t, packOf(t, same.bytes(), 4096, Limits{Commits: 50}).read(), model.CodeLimitExceeded)
}

// TestTinyPieces sends a commit that does not compress byte by byte. To begin anew at each
// byte took minutes.
func TestTinyPieces(t *testing.T) {
	noise := make([]byte, 300<<10)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	var w packWriter
	for i := range 3 {
		w.entry(typeCommit, nil, binary.BigEndian.AppendUint32([]byte(commitText(i)), uint32(i)))
		w.entry(typeCommit, nil, append([]byte(commitText(i)), noise...))
	}
	start := time.Now()
	if err := packOf(t, w.bytes(), 1, Limits{}).read(); err != nil {
		t.Fatal(err)
	}
	if d := time.Since(start); d > 20*time.Second {
		t.Errorf("it took %s", d)
	}
}

// TestChatter has a server that talks for ever and sends no pack.
func TestChatter(t *testing.T) {
	line := "fff0\x02" + strings.Repeat("x", 0xfff0-5)
	for name, front := range map[string]string{"bands": "000dpackfile\n", "sections": ""} {
		src := io.MultiReader(strings.NewReader(front), endless(line))
		d := &demux{s: &Session{version: 2, wire: newWire(src)}}
		err := d.open()
		if err == nil {
			_, err = d.next()
		}
		if wantCode(t, err, model.CodeProtocol, "talks"); t.Failed() {
			t.Log(name)
		}
	}
}

// endless repeats a text.
func endless(s string) io.Reader { return &repeater{s: s} }

type repeater struct {
	s  string
	at int
}

func (r *repeater) Read(b []byte) (int, error) {
	n := copy(b, r.s[r.at:])
	r.at = (r.at + n) % len(r.s)
	return n, nil
}

// TestRekey has a server that exchanges keys again all the time, beside whoever reads what the
// first exchange showed.
func TestRekey(t *testing.T) {
	s := testssh.Start(t, testssh.Options{Config: []string{"RekeyLimit 1K"}})
	testssh.AddCommits(t, s.InitRepo("app.git"), "main", 1, nil)
	p := newPool(t, options(s))
	for range 10 {
		r, err := p.Test(t.Context(), address(t, s.URL("app.git")))
		if err != nil || r.HostKey != ssh.FingerprintSHA256(s.HostKeys[0]) {
			t.Fatalf("%+v, %v", r, err)
		}
	}
}

// suspect is a HostKeys that panics at first.
type suspect struct {
	*trust
	panicked bool
}

func (s *suspect) Algorithms(hostport string) []string {
	if !s.panicked {
		s.panicked = true
		panic("no algorithms")
	}
	return s.trust.Algorithms(hostport)
}

// TestPanickedDial has a dial panic: the next one must not wait for it.
func TestPanickedDial(t *testing.T) {
	s := testssh.Start(t, testssh.Options{})
	s.InitRepo("app.git")
	o := options(s)
	o.HostKeys = &suspect{trust: o.HostKeys.(*trust)}
	p := newPool(t, o)
	func() {
		defer func() { _ = recover() }()
		_ = try(t, p, s.URL("app.git"))
		t.Error("no panic")
	}()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	se, err := p.Open(ctx, address(t, s.URL("app.git")))
	if err != nil {
		t.Fatal(err)
	}
	se.Close()
}

// TestForbidden are addresses in the forms in which they may be written.
func TestForbidden(t *testing.T) {
	for _, text := range []string{
		"127.9.9.9", "::", "::1", "::127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::127.0.0.1", "fe80::1%eth0", "ff02::1", "224.0.0.1", "0.1.2.3",
		"255.255.255.255", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254", "fd20:ce::254",
	} {
		if checkAddr(netip.MustParseAddr(text), nil) == nil {
			t.Errorf("%s is allowed", text)
		}
	}
	for _, text := range []string{"10.0.0.1", "192.168.1.1", "fd00::1", "2001:db8::1", "140.82.121.4", "100.100.100.201"} {
		if err := checkAddr(netip.MustParseAddr(text), nil); err != nil {
			t.Error(err)
		}
	}
}
