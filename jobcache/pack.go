package jobcache

import (
	"errors"
	"fmt"
	"slices"

	"github.com/klauspost/compress/s2"

	"gorun/value"
)

// packAbove is the size in bytes from which a blob is compressed.
const packAbove = 64

// maxUnpacked bounds what a blob may unfold to, in bytes.
const maxUnpacked = 1 << 28

// mark is the first byte of what is compressed, by S2 after dictionary. It begins nothing
// else that is stored: msgpack has no use for it. So each blob says itself what it is.
const mark = 0xc1

var errTooLarge = errors.New("a blob too large to be read")

// pack compresses what gains by it. The result is raw or lies in *buf, and is valid until
// either changes.
func pack(raw value.Raw, buf *[]byte) []byte {
	if len(raw) < packAbove || len(raw) > maxUnpacked {
		return raw
	}
	*buf = append((*buf)[:0], mark)
	*buf = slices.Grow(*buf, s2.MaxEncodedLen(len(raw)))
	packed := (*buf)[:1+len(dictionary().Encode((*buf)[1:], raw))]
	if len(packed) >= len(raw) {
		return raw
	}
	return packed
}

// unpack undoes pack; the result is blob or lies in *buf, and is valid until either changes.
func unpack(blob []byte, buf *[]byte) (value.Raw, error) {
	if len(blob) == 0 || blob[0] != mark {
		return blob, nil
	}
	n, err := s2.DecodedLen(blob[1:])
	if err == nil && n > maxUnpacked {
		err = errTooLarge
	}
	if err == nil {
		*buf, err = dictionary().Decode(slices.Grow((*buf)[:0], n), blob[1:])
	}
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	return *buf, nil
}
