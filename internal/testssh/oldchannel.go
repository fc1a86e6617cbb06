package testssh

import (
	"encoding/binary"
	"io"

	"golang.org/x/crypto/ssh"
)

// The messages of channels: RFC 4254.
const (
	msgOpen, msgOpenConfirm, msgOpenFailure           = 90, 91, 92
	msgAdjust, msgData, msgExtended, msgEOF, msgClose = 93, 94, 95, 96, 97
	msgRequest, msgSuccess, msgFailure                = 98, 99, 100
)

// oldWindow is what a client may send before it must wait, bytes. Requests of git are smaller
// than a few of them, and each is given back at once.
const oldWindow = 1 << 20

// An oldChannel is a session of an old connection.
type oldChannel struct {
	conn   *oldConn
	peer   uint32 // the client's number of it
	most   uint32 // bytes in a packet
	window uint32 // bytes that we may send, guarded by the connection's mu
	closed bool   // likewise: by one side at least
	in     *io.PipeWriter
	stdin  *io.PipeReader
}

// channels serves sessions until the connection ends.
func (c *oldConn) channels() error {
	list := map[uint32]*oldChannel{}
	defer func() {
		for _, ch := range list {
			ch.in.CloseWithError(io.ErrUnexpectedEOF)
		}
	}()
	for {
		p, err := c.receive()
		if err != nil {
			return err
		}
		switch p[0] {
		case msgGlobalRequest: // a keepalive: old servers say no, and live
			var r struct {
				Name string
				Want bool
				Rest []byte `ssh:"rest"`
			}
			if ssh.Unmarshal(p[1:], &r) == nil && r.Want {
				err = c.send([]byte{msgRequestFailure})
			}
		case msgOpen:
			err = c.open(p, list)
		default:
			if len(p) < 5 {
				return io.ErrUnexpectedEOF
			}
			if ch := list[binary.BigEndian.Uint32(p[1:])]; ch != nil {
				err = ch.handle(p)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (c *oldConn) open(p []byte, list map[uint32]*oldChannel) error {
	var o struct {
		Type               string
		Peer, Window, Most uint32
		Rest               []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(p[1:], &o); err != nil {
		return err
	}
	ch := &oldChannel{conn: c, peer: o.Peer, most: o.Most, window: o.Window}
	ch.stdin, ch.in = io.Pipe()
	number := uint32(len(list))
	list[number] = ch
	return c.send(append([]byte{msgOpenConfirm}, ssh.Marshal(struct{ Peer, Ours, Window, Most uint32 }{o.Peer, number, oldWindow, 32 << 10})...))
}

// handle does what one message of a channel says.
func (ch *oldChannel) handle(p []byte) error {
	switch p[0] {
	case msgAdjust:
		var a struct{ Channel, Bytes uint32 }
		if err := ssh.Unmarshal(p[1:], &a); err != nil {
			return err
		}
		ch.conn.mu.Lock()
		ch.window += a.Bytes
		ch.conn.window.Broadcast()
		ch.conn.mu.Unlock()
	case msgData:
		var d struct {
			Channel uint32
			Data    []byte
		}
		if err := ssh.Unmarshal(p[1:], &d); err != nil {
			return err
		}
		_, _ = ch.in.Write(d.Data) // a command that has ended reads no more
		return ch.tell(msgAdjust, uint32(len(d.Data)))
	case msgEOF:
		ch.in.Close()
	case msgClose:
		ch.in.Close()
		return ch.close()
	case msgRequest:
		return ch.request(p)
	}
	return nil
}

func (ch *oldChannel) request(p []byte) error {
	var r struct {
		Channel uint32
		Type    string
		Want    bool
		Rest    []byte `ssh:"rest"`
	}
	if err := ssh.Unmarshal(p[1:], &r); err != nil {
		return err
	}
	var exec struct{ Command string }
	answer := byte(msgFailure)
	if r.Type == "exec" && ssh.Unmarshal(r.Rest, &exec) == nil {
		answer = msgSuccess
	}
	if r.Want {
		if err := ch.tell(answer); err != nil {
			return err
		}
	}
	if answer == msgSuccess {
		ch.conn.host.wg.Go(func() { ch.run(exec.Command) })
	}
	return nil
}

// run runs a command and closes the channel.
func (ch *oldChannel) run(command string) {
	h := ch.conn.host
	h.ran(command)
	exit := h.run(Conversation{In: ch.stdin, Out: oldStream{ch, msgData}, Err: oldStream{ch, msgExtended}}, command, true)
	ch.stdin.Close()
	_ = ch.conn.send(append([]byte{msgRequest}, ssh.Marshal(struct {
		Peer   uint32
		Type   string
		Want   bool
		Status uint32
	}{ch.peer, "exit-status", false, uint32(exit)})...))
	_ = ch.tell(msgEOF)
	_ = ch.close()
}

// close tells the client once.
func (ch *oldChannel) close() error {
	ch.conn.mu.Lock()
	defer ch.conn.mu.Unlock()
	if ch.closed {
		return nil
	}
	ch.closed = true
	ch.conn.window.Broadcast()
	return ch.conn.sendLocked(binary.BigEndian.AppendUint32([]byte{msgClose}, ch.peer))
}

// tell sends a message of the channel and numbers.
func (ch *oldChannel) tell(kind byte, numbers ...uint32) error {
	b := binary.BigEndian.AppendUint32([]byte{kind}, ch.peer)
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	return ch.conn.send(b)
}

// An oldStream is the output of a command, or its other one.
type oldStream struct {
	ch   *oldChannel
	kind byte
}

// Write waits for the client's window.
func (s oldStream) Write(b []byte) (n int, err error) {
	c := s.ch.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(b) > 0 {
		for s.ch.window == 0 && !c.over && !s.ch.closed {
			c.window.Wait()
		}
		if c.over || s.ch.closed {
			return n, io.ErrClosedPipe
		}
		piece := b[:min(len(b), int(s.ch.window), int(s.ch.most), 32<<10)]
		head := binary.BigEndian.AppendUint32([]byte{s.kind}, s.ch.peer)
		if s.kind == msgExtended {
			head = binary.BigEndian.AppendUint32(head, 1)
		}
		head = append(head, ssh.Marshal(struct{ Data []byte }{piece})...)
		if err := c.sendLocked(head); err != nil {
			return n, err
		}
		s.ch.window -= uint32(len(piece))
		n, b = n+len(piece), b[len(piece):]
	}
	return n, nil
}
