package output

import (
	"errors"
	"math"
	"strconv"
	"strings"

	"gorun/value"
)

// errNumber is returned by number for text that holds none: Python's ValueError.
var errNumber = errors.New("text that is no number")

// errNoNumber is returned by number for what is neither number nor text: Python's
// TypeError.
var errNoNumber = errors.New("not a number")

// number is Python's float(). The error is errNumber or errNoNumber.
func number(v value.Value) (float64, error) {
	switch v := v.(type) {
	case bool:
		if v {
			return 1, nil
		}
		return 0, nil
	case int64:
		return float64(v), nil
	case uint64:
		return float64(v), nil
	case float64:
		return v, nil
	case string:
		return parseNumber(v)
	}
	if b, ok := plain(v).(value.Bytes); ok {
		if f, err := parseNumber(string(b)); err == nil {
			return f, nil
		}
	}
	return 0, errNoNumber
}

func parseNumber(s string) (float64, error) {
	s = trim(s)
	if strings.ContainsAny(s, "xXpP") { // hexadecimal, in Go
		return 0, errNumber
	}
	f, err := strconv.ParseFloat(strings.ReplaceAll(s, "_", ""), 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errNumber
	}
	return f, nil
}

// round is Python's round() to that many digits.
func round(f float64, digits int) float64 {
	if math.IsInf(f, 0) || math.IsNaN(f) {
		return f
	}
	f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'f', digits, 64), 64)
	return f
}
