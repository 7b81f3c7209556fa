package jobcache

import (
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"gorun/value"
)

// packAbove is the size in bytes from which a blob is compressed: below it, zstd saves
// less than it costs.
const packAbove = 512

// maxUnpacked bounds what a blob may unfold to, in bytes.
const maxUnpacked = 1 << 28

var encoder = sync.OnceValue(func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		panic(err) // the options are constants
	}
	return e
})

var decoder = sync.OnceValue(func() *zstd.Decoder {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxUnpacked))
	if err != nil {
		panic(err) // the options are constants
	}
	return d
})

// pack compresses what gains by it. A zstd frame begins with 0x28, which begins neither a
// map nor a list of msgpack: so each blob says itself which it is. The result is raw or
// lies in *buf, and is valid until either changes.
func pack(raw value.Raw, buf *[]byte) []byte {
	if len(raw) < packAbove {
		return raw
	}
	*buf = encoder().EncodeAll(raw, (*buf)[:0])
	return *buf
}

// unpack undoes pack; the result is blob or lies in *buf, and is valid until either changes.
func unpack(blob []byte, buf *[]byte) (value.Raw, error) {
	if len(blob) == 0 || blob[0] != 0x28 {
		return blob, nil
	}
	raw, err := decoder().DecodeAll(blob, (*buf)[:0])
	if err != nil {
		return nil, fmt.Errorf("decompress: %w", err)
	}
	*buf = raw
	return raw, nil
}
