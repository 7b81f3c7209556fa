package output

import (
	"errors"

	"gorun/value"
)

// batchRows is how many entries go from the reading to the printing goroutine at once, or fewer
// that together weigh batchWeight; batches is how many such lots there are.
const (
	batchRows   = 128
	batchWeight = 128 << 10 // bytes, about
	batches     = 3
)

// A batch is some entries that were read and not printed yet.
type batch struct {
	n, weight int
	rows      [batchRows]struct {
		key string
		val value.Value
		own value.Map // what val points to, where it is a map
	}
}

func (b *batch) add(key string, val value.Value) {
	row := &b.rows[b.n]
	b.n++
	row.key, row.val = key, val
	b.weight += weight(val)
	if m, ok := val.(*value.Map); ok {
		row.own.Entries = append(row.own.Entries[:0], m.Entries...)
		row.val = &row.own
	}
}

// weight is about how many bytes a value takes in memory.
func weight(v value.Value) int {
	const each = 32 // of an element beside its content
	n := each
	switch v := v.(type) {
	case string:
		n += len(v)
	case value.Bytes:
		n += len(v)
	case value.List:
		for _, e := range v {
			n += weight(e)
		}
	case *value.Map:
		for _, e := range v.Entries {
			n += each + weight(e.Val)
		}
	}
	return n
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
				if b.n < batchRows && b.weight < batchWeight {
					return nil
				}
				read <- b
				next, ok := <-empty
				if !ok {
					b = new(batch)
					return errStopped
				}
				next.n, next.weight = 0, 0
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
