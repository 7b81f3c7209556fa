package value

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// tagOf returns a node's tag in its short form, as PyYAML's resolver gives it: the
// one that is written, else what a plain scalar looks like. (The library has the
// rules of YAML 1.2 for that.)
func tagOf(n *yaml.Node) string {
	switch {
	case n.Style&yaml.TaggedStyle != 0:
		return n.Tag
	case n.Kind == yaml.SequenceNode:
		return "!!seq"
	case n.Kind == yaml.MappingNode:
		return "!!map"
	case n.Style != 0:
		return "!!str"
	}
	return implicitTag(n.Value)
}

func implicitTag(s string) string {
	switch s {
	case "", "~", "null", "Null", "NULL":
		return "!!null"
	case "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE",
		"false", "False", "FALSE", "on", "On", "ON", "off", "Off", "OFF":
		return "!!bool"
	case "<<":
		return "!!merge"
	case "=":
		return "!!value"
	}
	switch {
	case looksFloat(s):
		return "!!float"
	case looksInt(s):
		return "!!int"
	}
	return "!!str"
}

const (
	decimals = "0123456789_"
	hexes    = decimals + "abcdefABCDEF"
)

func unsigned(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[1:]
	}
	return s
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// only tells whether s is not empty and made of the characters of set.
func only(s, set string) bool { return s != "" && strings.Trim(s, set) == "" }

func looksInt(s string) bool {
	s = unsigned(s)
	switch {
	case s == "" || !digit(s[0]):
		return false
	case s == "0":
		return true
	case strings.HasPrefix(s, "0b"):
		return only(s[2:], "01_")
	case strings.HasPrefix(s, "0x"):
		return only(s[2:], hexes)
	case s[0] == '0':
		return only(s[1:], "01234567_")
	}
	rest, _ := sixties(strings.TrimLeft(s, decimals))
	return rest == ""
}

func looksFloat(s string) bool {
	u := unsigned(s)
	switch u {
	case ".inf", ".Inf", ".INF":
		return true
	case ".nan", ".NaN", ".NAN":
		return u == s
	case "":
		return false
	}
	if u[0] == '.' { // takes no sign
		return u == s && len(s) > 1 && digit(s[1]) && exponent(strings.TrimLeft(s[2:], decimals))
	}
	if !digit(u[0]) {
		return false
	}
	rest, parts := sixties(strings.TrimLeft(u, decimals))
	if rest == "" || rest[0] != '.' {
		return false
	}
	rest = strings.TrimLeft(rest[1:], decimals)
	return rest == "" || !parts && exponent(rest)
}

// exponent tells whether s is nothing, or an exponent with its sign.
func exponent(s string) bool {
	if s == "" {
		return true
	}
	return len(s) > 2 && (s[0] == 'e' || s[0] == 'E') && (s[1] == '-' || s[1] == '+') && only(s[2:], "0123456789")
}

// sixties cuts what :5 and :59 stand at the start of s, and tells if there are any.
func sixties(s string) (rest string, any bool) {
	for len(s) > 1 && s[0] == ':' && digit(s[1]) {
		n := 2
		if s[1] <= '5' && len(s) > 2 && digit(s[2]) {
			n = 3
		}
		s, any = s[n:], true
	}
	return s, any
}

// scalar makes a value of a scalar's text.
func scalar(tag, text string) (Value, error) {
	switch tag {
	case "!!str", "!!timestamp", "!!python/unicode":
		return text, nil
	case "!!null":
		return nil, nil
	case "!!bool":
		switch strings.ToLower(text) {
		case "yes", "true", "on":
			return true, nil
		case "no", "false", "off":
			return false, nil
		}
		return nil, fmt.Errorf("no bool: %q", text)
	case "!!int":
		return integer(text)
	case "!!float":
		return float(text)
	case "!!binary":
		return fromBase64(text)
	}
	return nil, fmt.Errorf("could not determine a constructor for the tag %s", tag)
}

// maxDigits is how long a number may be: Python reads no longer ones either.
const maxDigits = 4300

func integer(text string) (Value, error) {
	s := text
	if s != "0" && strings.HasPrefix(s, "0") && !strings.HasPrefix(s, "0b") && !strings.HasPrefix(s, "0x") {
		if s = strings.TrimLeft(s, "0"); s == "" {
			s = "0"
		}
	}
	s = strings.ReplaceAll(s, "_", "")
	negative := strings.HasPrefix(s, "-")
	s = unsigned(s)
	if s == "" || len(s) > maxDigits {
		return nil, fmt.Errorf("no integer: %.40q", text)
	}
	parts, base := []string{s}, 10
	switch {
	case s == "0":
	case strings.HasPrefix(s, "0b"):
		parts[0], base = s[2:], 2
	case strings.HasPrefix(s, "0x"):
		parts[0], base = s[2:], 16
	case s[0] == '0':
		base = 8
	case strings.Contains(s, ":"):
		parts = strings.Split(s, ":")
	}
	sum, sixty := new(big.Int), big.NewInt(60)
	for _, part := range parts {
		n, ok := new(big.Int).SetString(strings.TrimSpace(part), base)
		if !ok {
			return nil, fmt.Errorf("no integer: %.40q", text)
		}
		sum.Add(sum.Mul(sum, sixty), n)
	}
	if negative {
		sum.Neg(sum)
	}
	switch {
	case sum.IsInt64():
		return sum.Int64(), nil
	case sum.IsUint64():
		return sum.Uint64(), nil
	}
	return sum.String(), nil
}

func float(text string) (Value, error) {
	s := strings.ToLower(strings.ReplaceAll(text, "_", ""))
	sign := 1.0
	if strings.HasPrefix(s, "-") {
		sign = -1
	}
	s = unsigned(s)
	switch s {
	case ".inf":
		return math.Inf(int(sign)), nil
	case ".nan":
		return math.NaN(), nil
	}
	parts := strings.Split(s, ":")
	sum, base := 0.0, 1.0
	for i := len(parts) - 1; i >= 0; i-- {
		f, err := strconv.ParseFloat(strings.TrimSpace(parts[i]), 64)
		if strings.Contains(s, "x") || err != nil && !errors.Is(err, strconv.ErrRange) {
			return nil, fmt.Errorf("no float: %.40q", text)
		}
		sum += float64(f * base) // rounded as Python does, never fused
		base *= 60
	}
	return sign * sum, nil
}

const base64Letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

// fromBase64 reads as leniently as Salt and Python do: what belongs to no
// alphabet is passed over, missing padding is added, and padding ends the text.
func fromBase64(text string) (Value, error) {
	size := len(text)
	var letters []byte
	pads := 0
	for i := 0; i < size+(4-size%4)%4; i++ {
		c := byte('=') // Salt's padding
		if i < size {
			c = text[i]
		}
		switch {
		case c >= 0x80:
			return nil, errors.New("failed to convert base64 data into ascii")
		case c == '=' && len(letters)%4 >= 2:
			if pads++; len(letters)%4+pads >= 4 {
				return decode64(letters)
			}
		case strings.IndexByte(base64Letters, c) >= 0:
			letters, pads = append(letters, c), 0
		}
	}
	if len(letters)%4 != 0 {
		return nil, errors.New("failed to decode base64 data: incorrect padding")
	}
	return decode64(letters)
}

func decode64(letters []byte) (Value, error) {
	b := make(Bytes, base64.RawStdEncoding.DecodedLen(len(letters)))
	if _, err := base64.RawStdEncoding.Decode(b, letters); err != nil {
		return nil, fmt.Errorf("failed to decode base64 data: %w", err)
	}
	return b, nil
}
