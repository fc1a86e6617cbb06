package mirror

// The types of entries in a pack.
const (
	typeCommit   = 1
	typeTree     = 2
	typeBlob     = 3
	typeTag      = 4
	typeOfsDelta = 6
	typeRefDelta = 7
)

// entryHeader reads type and inflated size of an entry.
func (w *window) entryHeader() (kind int, size int64, err error) {
	b, err := w.ReadByte()
	if err != nil {
		return 0, 0, err
	}
	kind, size = int(b>>4&7), int64(b&15)
	for shift := 4; b&0x80 != 0; shift += 7 {
		if shift > 56 {
			return 0, 0, protocolError("the pack is corrupt: a size at %d does not end", w.offset())
		}
		if b, err = w.ReadByte(); err != nil {
			return 0, 0, err
		}
		size |= int64(b&0x7f) << shift
	}
	if size < 0 {
		return 0, 0, protocolError("the pack is corrupt: an entry of %d bytes", size)
	}
	return kind, size, nil
}

// offsetVarint reads how far before a delta its base lies.
func (w *window) offsetVarint() (int64, error) {
	b, err := w.ReadByte()
	if err != nil {
		return 0, err
	}
	n := int64(b & 0x7f)
	for b&0x80 != 0 {
		if b, err = w.ReadByte(); err != nil {
			return 0, err
		}
		if n >= 1<<48 {
			return 0, protocolError("the pack is corrupt: a delta's base does not end at %d", w.offset())
		}
		n = (n+1)<<7 | int64(b&0x7f)
	}
	return n, nil
}
