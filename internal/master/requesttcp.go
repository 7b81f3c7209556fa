package master

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"

	"gorun/value"
)

// exchangeTCP asks as salt.transport.tcp does: maps of head and body, one after the other
// without a length, the head with an id that the reply's head repeats.
func exchangeTCP(conn net.Conn, in *bufio.Reader, request []byte, largest int) ([]byte, error) {
	mid := rand.Text()
	packed := value.AppendMap(nil, 2)
	packed = value.AppendText(packed, "head")
	packed = value.AppendText(value.AppendText(value.AppendMap(packed, 1), "mid"), mid)
	packed = append(value.AppendText(packed, "body"), request...)
	if _, err := conn.Write(packed); err != nil {
		return nil, err
	}
	return replyTCP(in, mid, largest)
}

// replyTCP reads messages until the one that answers mid.
func replyTCP(in *bufio.Reader, mid string, largest int) ([]byte, error) {
	var held []byte
	for {
		n, err := value.Span(held)
		switch {
		case err == nil:
			reply, found, err := bodyOf(held[:n], mid)
			if found || err != nil {
				return reply, err
			}
			held = held[n:]
			continue
		case !errors.Is(err, value.ErrTruncated):
			return nil, err
		case len(held) >= largest:
			return nil, fmt.Errorf("more than %d bytes came without an end", largest)
		}
		// At least as much again as there is, so that the looking costs no more than the
		// reading; but never to wait for more than the message has.
		if _, err := in.Peek(1); err != nil {
			if errors.Is(err, io.EOF) && len(held) > 0 {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		chunk, _ := in.Peek(in.Buffered())
		held = append(held, chunk...)
		if _, err := in.Discard(len(chunk)); err != nil {
			return nil, err
		}
	}
}

// bodyOf takes a message apart; found tells whether it answers mid.
func bodyOf(message []byte, mid string) (body []byte, found bool, err error) {
	err = value.Fields(message, func(key string, val value.Raw) error {
		switch key {
		case "head":
			return value.Fields(val, func(key string, val value.Raw) error {
				if id, ok := val.Text(); ok && key == "mid" {
					found = id == mid
				}
				return nil
			})
		case "body":
			body = val
		}
		return nil
	})
	if err == nil && found && body == nil {
		err = errors.New("a reply without a body")
	}
	return body, found, err
}
