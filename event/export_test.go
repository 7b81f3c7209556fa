package event

import (
	"context"
	"net"
)

// NewSource reads a connection that a test brings.
func NewSource(conn net.Conn, cfg Config) Source {
	return newConnection(context.Background(), conn, cfg)
}

// What the tests in package event_test want to know.
const (
	MinWait    = minWait
	MaxWait    = maxWait
	MaxPassed  = maxPassed
	BufferSize = bufferSize
)

type Backoff = backoff

var (
	NextWait  = (*backoff).next
	ResetWait = (*backoff).reset
)
