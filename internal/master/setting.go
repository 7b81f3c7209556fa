package master

import (
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"gorun/value"
)

// fill gives a setting's field the value v, which stands in a file or is the default.
// A type that Salt warns of is noted, and the value taken where it makes sense; null
// leaves what is there.
func (c *Config) fill(s setting, v value.Value) {
	if v == nil {
		if flag, ok := s.into.(*bool); ok {
			*flag = false
		}
		return
	}
	var wanted string // what v should have been, if it is something else
	usable := true
	switch into := s.into.(type) {
	case *value.Value:
		*into = v
	case *bool:
		flag, ok := v.(bool)
		if !ok {
			wanted, flag = "bool", value.Truth(v)
		}
		*into = flag
	case *string:
		text, ok := scalarText(v)
		if !ok {
			wanted, usable = "text", false
			break
		}
		*into = text
	case *int:
		number, exact, ok := numberOf(v)
		if !exact || number != math.Trunc(number) {
			wanted = "integer"
		}
		if usable = ok && math.Abs(number) < math.MaxInt32; usable {
			*into = int(number)
		}
	case *time.Duration:
		number, exact, ok := numberOf(v)
		if !exact {
			wanted = "number"
		}
		if usable = ok && math.Abs(number) < math.MaxInt64/1e9; usable {
			*into = time.Duration(number * float64(time.Second))
		}
	default:
		panic(fmt.Sprintf("setting %s fills a %T", s.key, s.into))
	}
	switch {
	case !usable:
		c.note(slog.LevelWarn, "setting %s is %s, not usable: the default stays", s.key, kindOf(v))
	case wanted != "":
		c.note(slog.LevelWarn, "setting %s is %s, should be %s", s.key, kindOf(v), wanted)
	}
}

// numberOf reads a number, as Python's int and float do also from text. It is not
// exact where Salt warns of the type.
func numberOf(v value.Value) (number float64, exact, ok bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true, true
	case uint64:
		return float64(v), true, true
	case float64:
		return v, true, !math.IsNaN(v)
	case bool:
		if v {
			return 1, false, true
		}
		return 0, false, true
	case string:
		number, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
		return number, err == nil, err == nil && !math.IsNaN(number)
	}
	return 0, false, false
}

// scalarText is Python's str of what is neither a list nor a map.
func scalarText(v value.Value) (string, bool) {
	switch v := v.(type) {
	case nil:
		return "None", true
	case string:
		return v, true
	case bool:
		if v {
			return "True", true
		}
		return "False", true
	case float64:
		text := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(text, ".") && !math.IsInf(v, 0) && !math.IsNaN(v) {
			text += ".0"
		}
		return text, true
	case int64, uint64:
		return fmt.Sprint(v), true
	}
	return "", false
}

func kindOf(v value.Value) string {
	switch v := v.(type) {
	case value.List:
		return "a list"
	case *value.Map:
		return "a map"
	case value.Bytes:
		return "binary"
	case string:
		return strconv.Quote(v)
	}
	text, _ := scalarText(v)
	return text
}
