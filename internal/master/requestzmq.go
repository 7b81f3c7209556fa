package master

import (
	"bufio"
	"errors"
	"fmt"
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
	return replyZMQ(in, largest)
}

// replyZMQ reads the reply's frames, and passes over commands, which none has to answer.
func replyZMQ(in *bufio.Reader, largest int) ([]byte, error) {
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
