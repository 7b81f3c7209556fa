package master

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"

	"gorun/internal/zmtp"

	"github.com/go-zeromq/zmq4"
)

// exchangeZMQ asks as a ZeroMQ REQ socket does: an empty frame, the request; the reply
// comes in the same form.
func exchangeZMQ(conn net.Conn, in *bufio.Reader, request []byte, largest int) ([]byte, error) {
	peer, err := zmtp.Handshake(conn, in, zmq4.Req)
	if err != nil {
		return nil, err
	}
	if err := peer.SendMsg(zmq4.NewMsgFrom(nil, request)); err != nil {
		return nil, err
	}
	return replyZMQ(in, conn, largest)
}

// replyZMQ reads the reply's frames. Of the commands in between a PING is answered on out: a
// busy master may take longer for a reply than it waits for a sign of life.
func replyZMQ(in *bufio.Reader, out io.Writer, largest int) ([]byte, error) {
	for first := true; ; {
		flags, n, err := zmtp.Head(in)
		if err != nil {
			return nil, err
		}
		frame, err := body(in, n, largest)
		switch {
		case err != nil:
			return nil, err
		case flags&zmtp.Command != 0:
			if pong := zmtp.Pong(frame); pong != nil {
				if _, err := out.Write(pong); err != nil {
					return nil, err
				}
			}
			continue
		case first && (n > 0 || flags&zmtp.More == 0):
			return nil, errors.New("the reply is not that of a REP socket")
		case !first && flags&zmtp.More != 0:
			return nil, fmt.Errorf("the reply has more frames than one")
		case !first:
			return frame, nil
		}
		first = false
	}
}
