package eventtest

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
)

// A Mangle makes of the messages of a recording what a connection gets instead. conn
// counts connections from 0; frames are as they go over the connection, and must not be
// written to.
type Mangle func(conn int, frames [][]byte) [][]byte

// First mangles the first connection only: what comes after a reconnect is sound.
func First(m Mangle) Mangle {
	return func(conn int, frames [][]byte) [][]byte {
		if conn > 0 {
			return frames
		}
		return m(conn, frames)
	}
}

// Double sends each message twice.
func Double(_ int, frames [][]byte) [][]byte {
	var out [][]byte
	for _, f := range frames {
		out = append(out, f, f)
	}
	return out
}

// Shuffle sends the messages in an order that seed gives.
func Shuffle(seed uint64) Mangle {
	return func(_ int, frames [][]byte) [][]byte {
		out := slices.Clone(frames)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
		return out
	}
}

// Cut leaves of message i its first n bytes; the next follows at once.
func Cut(i, n int) Mangle {
	return func(_ int, frames [][]byte) [][]byte {
		out := slices.Clone(frames)
		out[i] = out[i][:n]
		return out
	}
}

// Insert sends bytes of any sort before message i.
func Insert(i int, noise []byte) Mangle {
	return func(_ int, frames [][]byte) [][]byte {
		return slices.Insert(slices.Clone(frames), i, noise)
	}
}

// Stop sends i messages and n bytes of the next, and no more; with Options.Hangup that
// is a master that dies.
func Stop(i, n int) Mangle {
	return func(_ int, frames [][]byte) [][]byte {
		return append(slices.Clone(frames[:i]), frames[i][:n])
	}
}

// Noise returns n bytes that seed gives.
func Noise(seed uint64, n int) []byte {
	var key [32]byte
	binary.BigEndian.PutUint64(key[:], seed)
	noise := make([]byte, n)
	_, _ = rand.NewChaCha8(key).Read(noise) // never fails
	return noise
}
