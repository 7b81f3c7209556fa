package event

import "fmt"

// framings are the ways in which a bus may speak. Each is known by the first byte
// of a connection, never by a version number.
var framings = []framing{
	{TransportStream, isPrefix, newPrefixed}, // 3006.26 and later 3006
	{TransportStream, isMap, newBare},        // 2016.3 to 3006.25, 3007, 3008
	{TransportZMQ, isGreeting, newZMTP},      // up to 2015.8
}

// A framing opens a connection that starts with a byte of its own.
type framing struct {
	transport string
	speaks    func(first byte) bool
	open      func(*wire) (framer, error)
}

// A framer cuts a connection into messages.
type framer interface {
	// next returns the body of the next message, valid until the following call.
	// After ErrTooLarge and ErrMalformed it can be called again; io.EOF is the end
	// between two messages; all other errors end the connection.
	next() ([]byte, error)
	// form tells how the bus speaks, as far as the messages so far have shown.
	form() Form
}

// framingOf returns the framing that starts with the given byte, among those of the
// transport if one is named.
func framingOf(first byte, transport string) (framing, error) {
	for _, f := range framings {
		if f.speaks(first) && (transport == "" || transport == f.transport) {
			return f, nil
		}
	}
	if transport == "" {
		transport = "Salt"
	}
	return framing{}, fmt.Errorf("no %s bus starts with %#02x", transport, first)
}
