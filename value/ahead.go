package value

import "errors"

// lotItems is how many items go from one goroutine to the other at once, or fewer that together
// weigh lotWeight; lots is how many such lots there are: room for a stretch of jobs (package
// jobcache), so that the next one is read while it is used.
const (
	lotItems  = 128
	lotWeight = 128 << 10 // bytes, about
	lots      = 6
)

// A lot is some items that were read and not used yet.
type lot[T any] struct {
	n, weight int
	items     [lotItems]T
}

// Slots takes the items that are read ahead.
type Slots[T any] struct {
	lot         *lot[T]
	read, empty chan *lot[T]
}

// Next is where the next item is to be put. It has what an item before it had, whose memory may
// serve again.
func (s *Slots[T]) Next() *T { return &s.lot.items[s.lot.n] }

// Add hands in the item that is in Next, of so many bytes. An error ends the reading.
func (s *Slots[T]) Add(weight int) error {
	s.lot.n++
	s.lot.weight += weight
	if s.lot.n < lotItems && s.lot.weight < lotWeight {
		return nil
	}
	s.read <- s.lot
	next, ok := <-s.empty
	if !ok {
		s.lot = new(lot[T])
		return errStopped
	}
	next.n, next.weight = 0, 0
	s.lot = next
	return nil
}

// errStopped ends the reading of what nobody uses any more.
var errStopped = errors.New("stopped")

// Ahead has items read by another goroutine while those read before are used, so that a large
// answer takes several processors and hardly more memory. An item is valid until use returns.
// The error is that of use, which ends the reading, or of read. When Ahead returns, the
// reading has ended.
func Ahead[T any](read func(*Slots[T]) error, use func(*T) error) (err error) {
	// There is room for every lot in each: only to wait for an empty one blocks.
	s := &Slots[T]{read: make(chan *lot[T], lots), empty: make(chan *lot[T], lots), lot: new(lot[T])}
	for range lots - 1 {
		s.empty <- new(lot[T])
	}
	var reading error
	go func() {
		defer close(s.read)
		reading = read(s)
		s.read <- s.lot
	}()
	for l := range s.read {
		if err != nil {
			continue
		}
		for i := range l.items[:l.n] {
			if err = use(&l.items[i]); err != nil {
				close(s.empty)
				break
			}
		}
		if err == nil {
			s.empty <- l
		}
	}
	if err != nil {
		return err
	}
	return reading
}
