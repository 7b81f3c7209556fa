package value

import (
	"errors"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestAhead: each item is used once, in order; an error of either side ends both, and nothing is
// read any more when Ahead returns.
func TestAhead(t *testing.T) {
	errRead, errUse := errors.New("cannot read"), errors.New("cannot use")
	rapid.Check(t, func(t *rapid.T) {
		items := rapid.SampledFrom([]int{0, 1, lotItems - 1, lotItems, lotItems + 1, 3 * lots * lotItems}).Draw(t, "items")
		weight := rapid.SampledFrom([]int{0, 1, lotWeight / 3, 2 * lotWeight}).Draw(t, "weight")
		badRead := rapid.IntRange(-1, items).Draw(t, "cannot read")
		badUse := rapid.IntRange(-1, items).Draw(t, "cannot use")
		ended := false
		used := 0
		err := Ahead(func(s *Slots[int]) error {
			defer func() { ended = true }()
			for i := range items {
				if i == badRead {
					return errRead
				}
				*s.Next() = i
				if err := s.Add(weight); err != nil {
					return err
				}
			}
			return nil
		}, func(i *int) error {
			if *i == badUse {
				return errUse
			}
			if *i != used {
				t.Fatalf("item %d behind %d", *i, used-1)
			}
			used++
			if badUse >= 0 && used == badUse {
				time.Sleep(time.Millisecond) // until the reading waits
			}
			return nil
		})
		if !ended {
			t.Fatal("the reading goes on")
		}
		read := items
		if badRead >= 0 {
			read = min(read, badRead)
		}
		var want error
		switch {
		case badUse >= 0 && badUse < read:
			want, read = errUse, badUse
		case badRead >= 0 && badRead < items:
			want = errRead
		}
		if !errors.Is(err, want) || err != nil && want == nil || used != read {
			t.Fatalf("%v after %d, want %v after %d", err, used, want, read)
		}
	})
}
