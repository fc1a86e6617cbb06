package mirror

import (
	"fmt"
	"os"
)

// spoolBuffer is how much of a spool stays in memory. A small fetch
// never gets further.
const spoolBuffer = 1 << 20

// A spool keeps bytes for a second look: in memory the last ones, the others in a
// temporary file without a name, which goes with the process whatever happens.
type spool struct {
	dir  string
	file *os.File
	tail []byte
	done int64 // bytes in the file
}

// add appends b and gives its position.
func (s *spool) add(b []byte) (int64, error) {
	if len(s.tail)+len(b) > spoolBuffer {
		if err := s.write(); err != nil {
			return 0, err
		}
	}
	if s.tail == nil {
		s.tail = make([]byte, 0, 64<<10)
	}
	pos := s.done + int64(len(s.tail))
	s.tail = append(s.tail, b...)
	return pos, nil
}

// size is how many bytes were added.
func (s *spool) size() int64 { return s.done + int64(len(s.tail)) }

// write moves the tail to the file.
func (s *spool) write() error {
	if s.file == nil {
		f, err := os.CreateTemp(s.dir, "issuetrail-pack-")
		if err != nil {
			return spoolError(err)
		}
		s.file = f
		if err := os.Remove(f.Name()); err != nil {
			return spoolError(err)
		}
	}
	if _, err := s.file.WriteAt(s.tail, s.done); err != nil {
		return spoolError(err)
	}
	s.done += int64(len(s.tail))
	s.tail = s.tail[:0]
	return nil
}

// read fills b from a position.
func (s *spool) read(b []byte, pos int64) error {
	if pos >= s.done {
		if n := copy(b, s.tail[pos-s.done:]); n < len(b) {
			return fmt.Errorf("spool: %d bytes at %d are not there", len(b), pos)
		}
		return nil
	}
	if _, err := s.file.ReadAt(b, pos); err != nil {
		return spoolError(err)
	}
	return nil
}

func (s *spool) close() {
	if s.file != nil {
		s.file.Close()
	}
}
