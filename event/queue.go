package event

import "sync"

// Queue takes messages from the side that reads a bus and hands them to the side that works
// on them. It never blocks the one that puts: what passes its bound in bytes is refused, and
// counted by the caller. What was taken last counts as well until the next Take: it is in
// memory.
type Queue struct {
	max   int
	ready chan struct{} // holds one token while something may be waiting

	mu   sync.Mutex
	bufs [2]batch // bufs[0] is being filled, bufs[1] was taken
}

// batch is messages in pieces of memory that hold many of them: to grow copies nothing.
type batch struct {
	messages [][]byte
	piece    []byte // the last one, with room for more
	size     int    // bytes of the messages, with a slot for each
}

// slot is what a message takes besides its bytes.
const slot = 24

// pieceSize is in bytes; a larger message has a piece for itself.
const pieceSize = 256 << 10

// NewQueue returns a queue of up to max bytes.
func NewQueue(max int) *Queue {
	return &Queue{max: max, ready: make(chan struct{}, 1)}
}

// Put copies a message in; false where the bound is reached.
func (q *Queue) Put(msg []byte) bool {
	q.mu.Lock()
	b := &q.bufs[0]
	ok := b.size+q.bufs[1].size+len(msg)+slot <= q.max
	if ok {
		b.add(msg)
	}
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return ok
}

// Ready holds a token while something may be waiting.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

// Size tells the bytes that wait or were taken last, and their bound.
func (q *Queue) Size() (used, most int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bufs[0].size + q.bufs[1].size, q.max
}

// Take returns all messages that wait. It is valid until the next Take.
func (q *Queue) Take() [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bufs[0], q.bufs[1] = q.bufs[1], q.bufs[0]
	q.bufs[0].reset()
	return q.bufs[1].messages
}

func (b *batch) add(msg []byte) {
	if cap(b.piece)-len(b.piece) < len(msg) {
		b.piece = make([]byte, 0, max(pieceSize, len(msg)))
	}
	start := len(b.piece)
	b.piece = append(b.piece, msg...)
	b.messages = append(b.messages, b.piece[start:len(b.piece):len(b.piece)])
	b.size += len(msg) + slot
}

// keepMessages is how many slots for messages a batch may keep for the next one.
const keepMessages = 10_000

func (b *batch) reset() {
	if cap(b.messages) > keepMessages {
		b.messages = nil
	}
	if cap(b.piece) > pieceSize {
		b.piece = nil
	}
	clear(b.messages) // lets their pieces go
	b.messages, b.piece, b.size = b.messages[:0], b.piece[:0], 0
}
