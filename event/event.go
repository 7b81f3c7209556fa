// Package event reads the event bus of a Salt master: it finds out how a bus
// speaks, cuts the stream into messages, takes a message apart into tag and data,
// and a tag into what it is about. It keeps nothing and knows nothing of the job
// cache; what a bus sends is never trusted.
package event

import (
	"bytes"
	"errors"
	"fmt"

	"gorun/value"

	"github.com/vmihailenco/msgpack/v5/msgpcode"
)

var (
	// ErrTooLarge is returned when a message is larger than Config.MaxMessage. It
	// was passed over; the next one can be read.
	ErrTooLarge = errors.New("message too large")
	// ErrMalformed is returned when a message is none of Salt's. It was passed
	// over; the next one can be read.
	ErrMalformed = errors.New("malformed message")
	// ErrLost is returned when nothing more can be read from a connection: it broke,
	// or what came makes it impossible to say where the next message starts.
	ErrLost = errors.New("event stream lost")
	// ErrConfig is returned when a Config names no bus that could ever be reached.
	ErrConfig = errors.New("event bus not configured")
)

// passedOver tells whether err is about one message, and the next can be read.
func passedOver(err error) bool {
	return errors.Is(err, ErrTooLarge) || errors.Is(err, ErrMalformed)
}

// Event is one message of the bus.
type Event struct {
	Tag  string
	Data value.Raw // the msgpack map, as it came
}

const (
	tagEnd = "\n\n" // between tag and data
	tagLen = 20     // of a padded tag, which has no end mark
	tagPad = "|"
)

// Decode takes the body of a message apart. The data points into body and is known
// to begin as a map, no more. Any error is ErrMalformed.
//
// There are two forms, as salt.utils.event packs them: the tag, two line feeds and
// the data; and, up to Salt 2015.8, for a tag of 20 bytes or fewer, the tag filled
// up with '|' to 20 bytes and the data right behind it.
func Decode(body []byte) (Event, error) {
	if padded(body) {
		tag := bytes.TrimRight(body[:tagLen], tagPad)
		return Event{Tag: string(tag), Data: value.Raw(body[tagLen:])}, nil
	}
	tag, data, ok := bytes.Cut(body, []byte(tagEnd))
	switch {
	case !ok:
		return Event{}, fmt.Errorf("%w: no end of the tag", ErrMalformed)
	case len(tag) == 0:
		return Event{}, fmt.Errorf("%w: no tag", ErrMalformed)
	case len(data) == 0 || !isMap(data[0]):
		return Event{}, fmt.Errorf("%w: the data is no map", ErrMalformed)
	}
	return Event{Tag: string(tag), Data: value.Raw(data)}, nil
}

// padded tells whether body has a tag of the padded form. A map where byte 20 is
// says so, except that a longer tag may have a byte of a non-ASCII letter there,
// and a short one of the other form a part of its data.
func padded(body []byte) bool {
	if len(body) <= tagLen || !isMap(body[tagLen]) ||
		body[0] == tagPad[0] || bytes.Contains(body[:tagLen], []byte(tagEnd)) {
		return false
	}
	n, err := value.Span(body[tagLen:])
	return err == nil && n == len(body)-tagLen
}

// isMap tells whether a msgpack map starts with b.
func isMap(b byte) bool {
	return msgpcode.IsFixedMap(b) || b == msgpcode.Map16 || b == msgpcode.Map32
}
