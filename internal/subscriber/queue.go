package subscriber

import "sync"

// queue takes messages from the socket and hands them to the disk. It never blocks the
// side that puts: what passes its bound in bytes is refused, and counted by the caller.
type queue struct {
	max   int
	ready chan struct{} // holds one token while something may be waiting

	mu   sync.Mutex
	bufs [2]batch // bufs[0] is being filled, bufs[1] was taken
}

// batch is messages one behind the other in one piece of memory, used again and again.
type batch struct {
	data []byte
	ends []int
}

func newQueue(max int) *queue {
	return &queue{max: max, ready: make(chan struct{}, 1)}
}

// put copies a message in; false where the bound is reached.
func (q *queue) put(msg []byte) bool {
	q.mu.Lock()
	b := &q.bufs[0]
	ok := len(b.data)+len(msg) <= q.max
	if ok {
		b.data = append(b.data, msg...)
		b.ends = append(b.ends, len(b.data))
	}
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return ok
}

// take returns all that waits. It is valid until the next take.
func (q *queue) take() *batch {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.bufs[0], q.bufs[1] = q.bufs[1], q.bufs[0]
	q.bufs[0].reset()
	return &q.bufs[1]
}

// keepBuffer is how much memory, in bytes, a batch may keep for the next one.
const keepBuffer = 4 << 20

func (b *batch) reset() {
	if cap(b.data) > keepBuffer {
		b.data = nil
	}
	b.data, b.ends = b.data[:0], b.ends[:0]
}

func (b *batch) len() int { return len(b.ends) }

func (b *batch) message(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.data[start:b.ends[i]]
}
