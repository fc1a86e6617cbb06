package mirror

import (
	"bytes"
	"compress/zlib"
	"errors"
	"io"
)

// errShort says that the input ends before the stream does.
var errShort = errors.New("short input")

type inflater struct {
	r  bytes.Reader
	zr io.ReadCloser
}

func (z *inflater) inflate(dst, src []byte) (n int, err error) {
	z.r.Reset(src)
	if z.zr == nil {
		z.zr, err = zlib.NewReader(&z.r)
	} else {
		err = z.zr.(zlib.Resetter).Reset(&z.r, nil)
	}
	if err == nil {
		_, err = io.ReadFull(z.zr, dst)
	}
	if err == nil {
		var one [1]byte
		var m int
		m, err = z.zr.Read(one[:])
		if m == 0 && err == io.EOF {
			return len(src) - z.r.Len(), nil
		}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return 0, errShort
	}
	return 0, errors.Join(errLong, err)
}
