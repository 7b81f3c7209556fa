package output

import (
	"errors"

	"gorun/value"
)

// batchRows is how many entries go from the reading to the printing goroutine at once, and
// batches how many such lots there are.
const (
	batchRows = 128
	batches   = 3
)

// A batch is some entries that were read and not printed yet.
type batch struct {
	n    int
	rows [batchRows]struct {
		key string
		val value.Value
		own value.Map // what val points to, where it is a map
	}
}

func (b *batch) add(key string, val value.Value) {
	row := &b.rows[b.n]
	b.n++
	row.key, row.val = key, val
	if m, ok := val.(*value.Map); ok {
		row.own.Entries = append(row.own.Entries[:0], m.Entries...)
		row.val = &row.own
	}
}

// errStopped ends the reading of what nobody prints any more.
var errStopped = errors.New("stopped")

// ahead has rows read by another goroutine while those read before are printed, so that a
// large listing takes two processors and hardly more memory.
func ahead(rows value.Rows) value.Rows {
	return func(f func(key string, val value.Value) error) (err error) {
		// There is room for every batch in each: only to wait for an empty one blocks.
		read, empty := make(chan *batch, batches), make(chan *batch, batches)
		for range batches {
			empty <- new(batch)
		}
		var reading error
		go func() {
			defer close(read)
			b := <-empty
			reading = rows(func(key string, val value.Value) error {
				b.add(key, val)
				if b.n < batchRows {
					return nil
				}
				read <- b
				next, ok := <-empty
				if !ok {
					b = new(batch)
					return errStopped
				}
				next.n = 0
				b = next
				return nil
			})
			read <- b
		}()
		for b := range read {
			if err != nil {
				continue
			}
			for i := range b.rows[:b.n] {
				if err = f(b.rows[i].key, b.rows[i].val); err != nil {
					close(empty)
					break
				}
			}
			if err == nil {
				empty <- b
			}
		}
		if err != nil {
			return err
		}
		return reading
	}
}
