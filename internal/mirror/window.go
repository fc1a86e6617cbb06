package mirror

import (
	"compress/zlib"
	"crypto/sha1"
	"errors"
	"hash"
	"io"
)

const (
	windowSize = 512 << 10
	maxPiece   = 64 << 10 // of what next gives
	// wholeSize is up to which size, inflated, an object is inflated in one go.
	// What compresses badly may yet not fit the window; then it is streamed as well.
	wholeSize = 1 << 20
)

// maxTries is how often an object is tried to be inflated in one go while more of it
// comes; then it is streamed.
const maxTries = 32

// errFull says that no further piece fits the window.
var errFull = errors.New("window full")

// A window is the part of a pack that was received and not yet passed over.
type window struct {
	next   func() ([]byte, error)
	buf    []byte
	r, w   int
	base   int64 // offset in the pack of buf[0]
	sum    hash.Hash
	summed int // buf[:summed] is in sum already
	limit  int64
	err    error // of next, for good
	z      inflater
	stream io.ReadCloser // zlib, for large objects; made at the first one
}

func newWindow(next func() ([]byte, error), limit int64) *window {
	return &window{next: next, buf: make([]byte, windowSize), sum: sha1.New(), limit: limit}
}

// offset is where in the pack the next byte lies.
func (w *window) offset() int64 { return w.base + int64(w.r) }

// received is how much of the pack has come.
func (w *window) received() int64 { return w.base + int64(w.w) }

// fill appends a piece. Slices of the window get invalid.
func (w *window) fill() error {
	if len(w.buf)-w.w < maxPiece+maxPacket {
		if w.w-w.r > len(w.buf)-2*maxPacket {
			return errFull
		}
		w.compact()
	}
	if w.err != nil {
		return w.err
	}
	b, err := w.next()
	if errors.Is(err, io.EOF) {
		err = protocolError("the pack ended too early")
	}
	if err != nil {
		w.err = err
		return err
	}
	for len(b) > len(w.buf)-w.w { // a raw pack without bands may come in larger pieces
		w.buf = append(w.buf, make([]byte, len(b))...)
	}
	w.w += copy(w.buf[w.w:], b)
	if w.received() > w.limit {
		return limitError("the pack is larger than %d bytes", w.limit)
	}
	return nil
}

func (w *window) compact() {
	w.digest()
	n := copy(w.buf, w.buf[w.r:w.w])
	w.base += int64(w.r)
	w.r, w.w, w.summed = 0, n, 0
}

// digest brings the checksum up to the next byte.
func (w *window) digest() []byte {
	w.sum.Write(w.buf[w.summed:w.r])
	w.summed = w.r
	return w.sum.Sum(nil)
}

// need gives the next n bytes, few, without passing over them.
func (w *window) need(n int) ([]byte, error) {
	for w.w-w.r < n {
		if err := w.fill(); err != nil {
			return nil, err
		}
	}
	return w.buf[w.r : w.r+n], nil
}

// inflate reads a zlib stream that fills dst exactly.
func (w *window) inflate(dst []byte) error {
	if len(dst) <= wholeSize {
		// Each try begins anew. What comes in tiny pieces would be inflated for ever.
		for range maxTries {
			n, err := w.z.inflate(dst, w.buf[w.r:w.w])
			if err == nil {
				w.r += n
				return nil
			}
			if err != errShort {
				return w.corrupt(err)
			}
			if err := w.fill(); err == errFull {
				break
			} else if err != nil {
				return err
			}
		}
	}
	return w.streamed(int64(len(dst)), func(r io.Reader) error {
		_, err := io.ReadFull(r, dst)
		return err
	})
}

// streamed reads a zlib stream of size bytes, inflated, of any length.
func (w *window) streamed(size int64, read func(io.Reader) error) (err error) {
	if w.stream == nil {
		w.stream, err = zlib.NewReader(w)
	} else {
		err = w.stream.(zlib.Resetter).Reset(w, nil)
	}
	if err != nil {
		return w.corrupt(err)
	}
	if err := read(io.LimitReader(w.stream, size)); err != nil {
		return w.corrupt(err)
	}
	if n, err := w.stream.Read(make([]byte, 1)); n > 0 || err != io.EOF {
		return w.corrupt(errors.Join(errSize, err))
	}
	return nil
}

// corrupt is for bytes that are no zlib stream of the announced size. err may
// also be that of next, which came through package zlib.
func (w *window) corrupt(err error) error {
	if w.err != nil {
		return w.err
	}
	return protocolError("the pack is corrupt before %d: %w", w.offset(), err)
}

// skip passes over a zlib stream of the given size, inflated.
func (w *window) skip(size int64, scratch []byte) error {
	if size <= int64(len(scratch)) {
		return w.inflate(scratch[:size])
	}
	return w.streamed(size, func(r io.Reader) error {
		n, err := io.Copy(io.Discard, r)
		if err == nil && n < size {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
}

// Read and ReadByte are for package zlib, which with both reads no byte too many.
func (w *window) Read(b []byte) (int, error) {
	if w.r == w.w {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	n := copy(b, w.buf[w.r:w.w])
	w.r += n
	return n, nil
}

// ReadByte reads one byte.
func (w *window) ReadByte() (byte, error) {
	if w.r == w.w {
		if err := w.fill(); err != nil {
			return 0, err
		}
	}
	w.r++
	return w.buf[w.r-1], nil
}
