// Package eventtest plays an event bus: recorded from a real master or made up, over
// a real socket, well or badly behaved. It is for tests and for replay.
package eventtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"gorun/event"
	"gorun/value"
)

// A recording's folder holds one of these two.
const (
	streamFile = "bus.stream" // the bytes of a stream socket, as they came
	zmqFile    = "bus.zmq"    // ZeroMQ messages, each after its length, 4 bytes, big-endian
)

// ErrRecording is returned when a recording ends in the middle of a message, or is none.
var ErrRecording = errors.New("broken recording")

// Recording is what a bus said on one connection.
type Recording struct {
	Form event.Form
	// Messages are in order and as they came: on a stream bus with all of the framing,
	// on a ZeroMQ bus without any.
	Messages [][]byte
}

// Frames returns the number of messages.
func (r *Recording) Frames() int { return len(r.Messages) }

// New returns a recording of the given events, in form.
func New(form event.Form, events ...[]byte) *Recording {
	return &Recording{Form: form, Messages: events}
}

// Load reads the recording in the folder dir. An error is that of the file, which is
// fs.ErrNotExist where there is none, or ErrRecording.
func Load(dir string) (*Recording, error) {
	path := filepath.Join(dir, streamFile)
	data, err := os.ReadFile(path)
	parse := parseStream
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(dir, zmqFile)
		data, err = os.ReadFile(path)
		parse = parseZMQ
	}
	if err != nil {
		return nil, fmt.Errorf("load recording: %w", err)
	}
	rec, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("load recording %s: %w", path, err)
	}
	return rec, nil
}

func parseZMQ(data []byte) (*Recording, error) {
	rec := &Recording{Form: event.FormZMQ}
	for len(data) > 0 {
		n, err := prefix(data)
		if err != nil {
			return nil, err
		}
		rec.Messages = append(rec.Messages, data[4:4+n])
		data = data[4+n:]
	}
	return rec, nil
}

func parseStream(data []byte) (*Recording, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrRecording)
	}
	rec := &Recording{Form: event.FormStream}
	cut := value.Span
	if data[0] == 0 {
		rec.Form = event.FormPrefixed
		cut = func(data []byte) (int, error) {
			n, err := prefix(data)
			return 4 + n, err
		}
	}
	for len(data) > 0 {
		n, err := cut(data)
		if err != nil {
			return nil, fmt.Errorf("%w: message %d: %w", ErrRecording, len(rec.Messages), err)
		}
		rec.Messages = append(rec.Messages, data[:n])
		data = data[n:]
	}
	if rec.Form == event.FormStream && bodyFirst(rec.Messages[0]) {
		rec.Form = event.FormOld
	}
	return rec, nil
}

// prefix returns the length at the beginning of data, which holds as many bytes after it.
func prefix(data []byte) (int, error) {
	if len(data) < 4 {
		return 0, fmt.Errorf("%w: ends early", ErrRecording)
	}
	n := int(binary.BigEndian.Uint32(data))
	if n > len(data)-4 {
		return 0, fmt.Errorf("%w: ends early", ErrRecording)
	}
	return n, nil
}

// bodyFirst tells an envelope made by Python 2 by the order of its keys.
func bodyFirst(envelope []byte) bool {
	return bytes.HasPrefix(envelope, []byte("\x82\xa4body"))
}
