package mirror

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"

	"issuetrail/internal/model"
	"issuetrail/internal/testssh"
)

// The places where a fake server falls silent for ever.
const (
	beforeBanner = iota
	afterBanner
	inHandshake
	atAuth
	atChannel
	atExec
	beforeList
	inList
	beforePack
	inPack
	atDead // prints a line, then answers nothing, keepalives neither; of streams alone
)

var places = map[int]string{
	beforeBanner: "before the banner", afterBanner: "after the banner", inHandshake: "in the key exchange", atAuth: "at the login",
	atChannel: "at the channel", atExec: "at the command", beforeList: "before the list", inList: "in the list",
	beforePack: "before the pack", inPack: "in the pack",
}

// A fake is an SSH server that stops somewhere. It speaks version 2.
type fake struct {
	net.Listener
	stop  int
	host  ssh.Signer
	quit  chan struct{}
	wg    sync.WaitGroup
	mu    sync.Mutex
	conns []net.Conn
}

func newFake(t *testing.T, stop int) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, host := testssh.ClientKey(t)
	f := &fake{Listener: l, stop: stop, host: host, quit: make(chan struct{})}
	f.wg.Go(f.accept)
	return f
}

func (f *fake) close() {
	close(f.quit)
	f.Listener.Close()
	f.mu.Lock()
	for _, c := range f.conns {
		c.Close()
	}
	f.mu.Unlock()
	f.wg.Wait()
}

func (f *fake) accept() {
	for {
		c, err := f.Accept()
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns = append(f.conns, c)
		f.mu.Unlock()
		f.wg.Go(func() { f.serve(c) })
	}
}

func (f *fake) serve(c net.Conn) {
	switch f.stop {
	case beforeBanner:
		<-f.quit
		return
	case afterBanner:
		c.Write([]byte("SSH-2.0-fake\r\n"))
		<-f.quit
		return
	case inHandshake:
		c.Write([]byte("SSH-2.0-fake\r\n\x00\x00\x01\x00\x04\x14"))
		<-f.quit
		return
	}
	config := &ssh.ServerConfig{PublicKeyCallback: func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error) {
		if f.stop == atAuth {
			<-f.quit
		}
		return nil, nil
	}}
	config.AddHostKey(f.host)
	conn, channels, requests, err := ssh.NewServerConn(c, config)
	if err != nil {
		return
	}
	defer conn.Close()
	f.wg.Go(func() {
		if f.stop == atDead {
			for range requests { // never answered
			}
		}
		ssh.DiscardRequests(requests)
	})
	for ch := range channels {
		if f.stop == atChannel {
			<-f.quit
			return
		}
		f.wg.Go(func() { f.session(ch) })
	}
}

func (f *fake) session(n ssh.NewChannel) {
	ch, requests, err := n.Accept()
	if err != nil {
		return
	}
	for r := range requests {
		if r.Type != "exec" {
			continue
		}
		if f.stop == atExec {
			<-f.quit
			return
		}
		r.Reply(true, nil)
		f.wg.Go(func() { f.talk(ch) })
	}
	ch.Close()
}

func (f *fake) talk(ch ssh.Channel) {
	switch f.stop {
	case beforeList:
		return
	case atDead:
		ch.Write([]byte("one\n"))
		return
	}
	ch.Write([]byte("000eversion 2\n0011fetch=filter\n0000"))
	list := "003d0000000000000000000000000000000000000001 refs/heads/main\n"
	if f.stop == inList {
		ch.Write([]byte(list + "003d00000"))
		return
	}
	b := make([]byte, 4096)
	ch.Read(b) // ls-refs
	ch.Write([]byte(list + "0000"))
	ch.Read(b) // fetch
	if f.stop == inPack {
		ch.Write([]byte("000dpackfile\n" + "0011\x01PACK\x00\x00\x00\x02\x00\x00\x00\x05"))
	}
}

func (f *fake) options() Options {
	return Options{
		Keys: &keys{f.host}, HostKeys: &trust{keys: []ssh.PublicKey{f.host.PublicKey()}},
		Allow:    func() []netip.Prefix { return loopback },
		Timeouts: Timeouts{Dial: time.Second, Handshake: 400 * time.Millisecond, Idle: 300 * time.Millisecond},
	}
}

// talkTo does a whole sync with the server.
func talkTo(ctx context.Context, p *Pool, a model.Address) error {
	s, err := p.Open(ctx, a)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := s.Refs(ctx, [32]byte{})
	if err != nil {
		return err
	}
	_, err = s.Fetch(ctx, FetchRequest{Wants: []model.Hash{list.Refs[0].Tip}}, func(model.RawCommit) error { return nil })
	return err
}

func (f *fake) address(t *testing.T) model.Address {
	return address(t, "ssh://git@"+f.Addr().String()+"/app.git")
}

// TestSilentServers has servers that stop for ever. Nothing of ours may stay.
func TestSilentServers(t *testing.T) {
	for stop, name := range places {
		t.Run(name, func(t *testing.T) {
			f := newFake(t, stop)
			p := NewPool(f.options())
			start := time.Now()
			wantCode(t, talkTo(t.Context(), p, f.address(t)), model.CodeTimeout)
			if d := time.Since(start); d > 3*time.Second {
				t.Errorf("it took %s", d)
			}
			p.Close()
			f.close()
			goleak.VerifyNone(t, goleak.IgnoreCurrent())
		})
	}
}

// TestCancelSilent ends the context while a server is silent.
func TestCancelSilent(t *testing.T) {
	for stop, name := range places {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t, stop)
			o := f.options()
			o.Timeouts.Handshake, o.Timeouts.Idle = time.Hour, time.Hour
			p := NewPool(o)
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			defer cancel()
			if err := talkTo(ctx, p, f.address(t)); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			p.Close()
			f.close()
		})
	}
}

// TestSilentNeighbour has one session hang while others use the connection.
func TestSilentNeighbour(t *testing.T) {
	f := newFake(t, inPack)
	defer f.close()
	o := f.options()
	p := NewPool(o)
	defer p.Close()
	neighbour, err := p.Open(t.Context(), f.address(t))
	if err != nil {
		t.Fatal(err)
	}
	defer neighbour.Close()
	wantCode(t, talkTo(t.Context(), p, f.address(t)), model.CodeTimeout)
	if _, err := neighbour.Refs(t.Context(), [32]byte{}); err != nil {
		t.Errorf("the neighbour: %v", err)
	}
}
