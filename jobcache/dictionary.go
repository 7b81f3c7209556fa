package jobcache

import (
	_ "embed"
	"sync"

	"github.com/klauspost/compress/s2"
)

// dictionaryBytes are made of samples of Salt's events (dictionary_test.go). Blobs are read with
// the very dictionary that they were written with: a better one needs another schemaVersion.
//
//go:embed dictionary.bin
var dictionaryBytes []byte

// dictionary is what the compressor has seen before each blob.
var dictionary = sync.OnceValue(func() *s2.Dict { return s2.NewDict(dictionaryBytes) })
