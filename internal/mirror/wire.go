package mirror

import (
	"errors"
	"io"
)

// The kinds of packet lines.
const (
	flush     = iota // 0000: the end of a message
	delimiter        // 0001: the end of a section
	end              // 0002: the end of a response
	data
)

// maxPacket is the longest packet line that git sends, its length included.
const maxPacket = 65520

// A wire reads packet lines from large reads: go-git's scanner makes two reads
// of each line and does not know the delimiters of version 2.
type wire struct {
	src  io.Reader
	buf  []byte
	r, w int
}

func newWire(src io.Reader) *wire { return &wire{src: src, buf: make([]byte, 128<<10)} }

// packet gives the next line: its kind and, for data, what it carries. That is
// valid until the next call. io.EOF comes between lines only.
func (w *wire) packet() (kind int, payload []byte, err error) {
	kind, raw, err := w.raw()
	if kind != data {
		return kind, nil, err
	}
	return kind, raw[4:], err
}

// raw is packet with the length before what the packet carries.
func (w *wire) raw() (kind int, raw []byte, err error) {
	if err := w.need(4); err != nil {
		return 0, nil, err
	}
	n := hexLength(w.buf[w.r:])
	switch {
	case n == 0 || n == 1 || n == 2:
		w.r += 4
		return flush + n, nil, nil
	case n < 4 || n > maxPacket:
		return 0, nil, w.gibberish()
	}
	if err := w.need(n); err != nil {
		return 0, nil, noEOF(err)
	}
	raw = w.buf[w.r : w.r+n]
	w.r += n
	return data, raw, nil
}

// some gives whatever has come and was not read yet, or waits for some.
func (w *wire) some() ([]byte, error) {
	if err := w.need(1); err != nil {
		return nil, err
	}
	b := w.buf[w.r:w.w]
	w.r = w.w
	return b, nil
}

// need reads until n bytes are there.
func (w *wire) need(n int) error {
	for w.w-w.r < n {
		if w.r == w.w {
			w.r, w.w = 0, 0
		} else if len(w.buf)-w.r < n {
			w.w = copy(w.buf, w.buf[w.r:w.w])
			w.r = 0
		}
		m, err := w.src.Read(w.buf[w.w:])
		w.w += m
		if m == 0 && err != nil {
			if w.w > w.r {
				err = noEOF(err)
			}
			return err
		}
	}
	return nil
}

// gibberish quotes what is no packet line: mostly a start-up file that prints
// something, or no git at all.
func (w *wire) gibberish() error {
	f := protocolError("the server does not speak git: %.100q", told(string(w.buf[w.r:min(w.w, w.r+100)])))
	f.Hint = "the account may print a text at login, or run a shell instead of git"
	return f
}

// noEOF makes an end in the middle of something an error.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// hexLength reads four hexadecimal digits; -1 stands for anything else.
func hexLength(b []byte) int {
	n := 0
	for _, c := range b[:4] {
		v := int(unhex[c])
		if v > 15 {
			return -1
		}
		n = n<<4 | v
	}
	return n
}

// unhex gives the value of a hexadecimal digit, 255 for any other byte.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := range 10 {
		t['0'+i] = byte(i)
	}
	for i := range 6 {
		t['a'+i], t['A'+i] = byte(10+i), byte(10+i)
	}
	return t
}()

// readHash reads 40 hexadecimal digits at the front of b.
func readHash(h *[20]byte, b []byte) bool {
	if len(b) < 40 {
		return false
	}
	var bad byte
	for i := range h {
		hi, lo := unhex[b[2*i]], unhex[b[2*i+1]]
		h[i] = hi<<4 | lo&15
		bad |= hi | lo
	}
	return bad < 16
}
