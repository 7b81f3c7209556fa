package check

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ErrRange is returned when a threshold is no range.
var ErrRange = errors.New("no threshold range")

// Range is a threshold of the plugin guidelines: a number outside of it, or with @ inside of
// it, alerts. The zero Range never does.
type Range struct {
	set, inside bool
	low, high   bound
}

// bound is an end of a range; percent makes it a share of what there is.
type bound struct {
	n       float64
	percent bool
}

// ParseRange reads [@][start:][end]: 10 alerts above 10 and below 0, 10: below 10, ~:10
// above 10, 10:20 outside, @10:20 inside of both. A number may be a percentage, 10%. Empty
// text never alerts. Errors are ErrRange.
func ParseRange(text string) (Range, error) {
	if text == "" {
		return Range{}, nil
	}
	r := Range{set: true}
	rest, inside := strings.CutPrefix(text, "@")
	r.inside = inside
	low, high, both := strings.Cut(rest, ":")
	if !both {
		low, high = "", low
		if high == "" {
			return Range{}, fmt.Errorf("%w: %q", ErrRange, text)
		}
	}
	var err error
	if low == "~" {
		r.low.n = math.Inf(-1)
	} else {
		r.low, err = parseBound(low, 0)
	}
	if err == nil {
		r.high, err = parseBound(high, math.Inf(1))
	}
	if err == nil && r.low.percent == r.high.percent && r.low.n > r.high.n {
		err = errors.New("it ends before it starts")
	}
	if err != nil {
		return Range{}, fmt.Errorf("%w: %q: %w", ErrRange, text, err)
	}
	return r, nil
}

// parseBound reads a number, an empty one as missing.
func parseBound(text string, missing float64) (bound, error) {
	if text == "" {
		return bound{n: missing}, nil
	}
	digits, percent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return bound{}, fmt.Errorf("%q is no number", text)
	}
	return bound{n, percent}, nil
}

// alerts tells whether n of total is beyond the threshold.
func (r Range) alerts(n, total int) bool {
	if !r.set {
		return false
	}
	within := float64(n) >= r.low.in(total) && float64(n) <= r.high.in(total)
	return within == r.inside
}

// in is the bound as a number of what there is.
func (b bound) in(total int) float64 {
	if b.percent {
		return b.n / 100 * float64(total)
	}
	return b.n
}

// of writes the range as numbers of what there is.
func (r Range) of(total int) string {
	if !r.set {
		return ""
	}
	at, low, high := "", "", ""
	if r.inside {
		at = "@"
	}
	switch n := r.low.in(total); {
	case math.IsInf(n, -1):
		low = "~:"
	case n != 0 || math.IsInf(r.high.n, 1):
		low = number(n) + ":"
	}
	if n := r.high.in(total); !math.IsInf(n, 1) {
		high = number(n)
	}
	return at + low + high
}
