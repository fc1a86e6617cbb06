package mirror

import (
	"bytes"
	"io"

	"issuetrail/internal/model"
)

// A demux takes the pack out of the server's answer to a fetch.
type demux struct {
	s       *Session
	bands   bool
	started bool // the pack has begun
	chatter int  // bytes that the server said beside the pack
}

// maxChatter bounds what a server says in a fetch beside the pack, in bytes. It was asked for
// silence; one that talks for ever would hold a worker for ever.
const maxChatter = 64 << 20

// heard counts what is no part of the pack.
func (d *demux) heard(line []byte) error {
	if d.chatter += 4 + len(line); d.chatter > maxChatter {
		return protocolError("the server talks and sends no pack: more than %d bytes", maxChatter)
	}
	return nil
}

// open reads the answer up to the pack.
func (d *demux) open() error {
	if d.s.version == 2 {
		return d.openSections()
	}
	if d.bands {
		return nil // the lines before the pack are told apart by their first byte
	}
	for {
		kind, line, err := d.s.wire.packet()
		if err != nil {
			return d.s.failed(err)
		}
		if err := serverError(line); err != nil {
			return err
		}
		if kind == data && (bytes.HasPrefix(line, []byte("NAK")) || lastACK(line)) {
			d.started = true
			return nil
		}
		if err := d.heard(line); err != nil {
			return err
		}
	}
}

// lastACK says whether a line is the last of a negotiation: "ACK <hash>"
// without a further word.
func lastACK(line []byte) bool {
	return bytes.HasPrefix(line, []byte("ACK ")) && bytes.Count(bytes.TrimSpace(line), []byte{' '}) == 1
}

// openSections reads the sections of version 2 that come before the pack.
func (d *demux) openSections() error {
	for {
		kind, line, err := d.s.wire.packet()
		if err != nil {
			return d.s.failed(err)
		}
		if err := serverError(line); err != nil {
			return err
		}
		switch {
		case kind == flush || kind == end:
			return protocolError("the server's answer ended before the pack")
		case string(bytes.TrimSpace(line)) == "packfile":
			d.started, d.bands = true, true
			return nil
		}
		if err := d.heard(line); err != nil {
			return err
		}
	}
}

// next gives the next piece of the pack, valid until the next call. io.EOF is
// the end of the answer.
func (d *demux) next() ([]byte, error) {
	if !d.bands {
		b, err := d.s.wire.some()
		if err != nil {
			err = d.s.failed(noEOF(err))
		}
		return b, err
	}
	for {
		kind, line, err := d.s.wire.packet()
		switch {
		case err != nil:
			return nil, d.s.failed(noEOF(err))
		case kind != data:
			return nil, io.EOF
		case len(line) == 0:
			continue
		}
		switch line[0] {
		case 1:
			d.started = true
			if len(line) > 1 {
				return line[1:], nil
			}
		case 2: // progress
			if err := d.heard(line); err != nil {
				return nil, err
			}
		case 3:
			f := refused(string(line[1:]))
			f.Code = model.CodeProtocol // the repository was found, whatever the words are
			return nil, f
		default:
			if err := serverError(line); err != nil {
				return nil, err
			}
			if d.started || !bytes.HasPrefix(line, []byte("NAK")) && !bytes.HasPrefix(line, []byte("ACK ")) {
				return nil, protocolError("a packet of an unknown band: %.60q", told(string(line)))
			}
			if err := d.heard(line); err != nil {
				return nil, err
			}
		}
	}
}
