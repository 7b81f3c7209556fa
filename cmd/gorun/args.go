package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorun/value"
)

// parseInput reads a function's arguments as salt-run does (salt.utils.args.parse_input,
// then salt.minion.load_args_and_kwargs): k=v is a keyword argument, each value is YAML
// where that makes sense, and a jid stays text. The values of the names in noParse stay
// the text they are.
func parseInput(args, noParse []string) (positional []value.Value, kwargs *value.Map) {
	kwargs = value.NewMap()
	keywords := value.NewMap()
	for _, arg := range args {
		name, text, ok := cutKeyword(arg)
		switch {
		case !ok:
			v := jidText(argument(arg))
			s, _ := v.(string)
			if name, text, ok := cutKeyword(s); ok { // quoted: Salt looks twice
				kwargs.Set(name, argument(text))
				continue
			}
			positional = append(positional, v)
		case slices.Contains(noParse, name):
			keywords.Set(name, text)
		default:
			keywords.Set(name, argument(text))
		}
	}
	for _, kw := range keywords.Entries {
		kwargs.Set(kw.Key, kw.Val)
	}
	return positional, kwargs
}

// cutKeyword takes name=value apart. The name is a word, and may hold . and - behind
// its first letter; a value that starts with = is none, nor is one of several lines.
func cutKeyword(arg string) (name, text string, ok bool) {
	name, text, ok = strings.Cut(arg, "=")
	text = strings.TrimSuffix(text, "\n")
	if !ok || name == "" || strings.HasPrefix(text, "=") || strings.Contains(text, "\n") {
		return "", "", false
	}
	first, size := utf8.DecodeRuneInString(name)
	if !isWord(first) || unicode.IsDigit(first) {
		return "", "", false
	}
	other := func(r rune) bool { return !isWord(r) && r != '.' && r != '-' }
	if strings.IndexFunc(name[size:], other) >= 0 {
		return "", "", false
	}
	return name, text, true
}

// isWord is \w of Python's regular expressions.
func isWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) }

// argument is the value of one argument's text (salt.utils.args.yamlify_arg): what is
// YAML for something else than text, but maps only in braces and lists only in brackets.
func argument(arg string) value.Value {
	trimmed := strings.TrimFunc(arg, isSpace)
	switch {
	case trimmed == "", trimmed == "---", trimmed == "...":
		return arg
	case strings.Contains(arg, "_") && strings.Trim(trimmed, "0123456789_") == "":
		return arg // YAML would take the underscores out
	case strings.ContainsAny(arg, "\t\r\n"):
		return arg
	case arg == "None":
		return nil
	case trimmed == "!" && arg != "!":
		return "" // a tag without a value; the library has null
	}
	v, err := value.FromYAML([]byte(arg))
	if err != nil {
		return arg
	}
	comment := strings.Contains(arg, "#") // what stands behind it is not to be lost
	switch v := v.(type) {
	case nil:
		if comment || arg == "!" {
			return arg
		}
	case string:
		if comment && !isLongInteger(v, trimmed) || v == "" && (arg == "|" || arg == "!") {
			return arg
		}
	case *value.Map:
		if !comment && !strings.HasPrefix(arg, "{") {
			return arg
		}
	case value.List:
		if !comment && !strings.HasPrefix(arg, "[") {
			return arg
		}
	case value.Bytes:
		if !comment {
			return arg
		}
	}
	return v
}

// isLongInteger tells whether the text that YAML made of an argument is an integer past 64
// bits: a number to Salt.
func isLongInteger(v, arg string) bool {
	digits := strings.TrimLeft(v, "-")
	return len(digits) > 18 && strings.Trim(digits, "0123456789") == "" &&
		strings.IndexAny(arg, "+-0123456789") == 0
}

// isSpace is what Python's str.strip takes off.
func isSpace(r rune) bool { return unicode.IsSpace(r) || '\x1c' <= r && r <= '\x1f' }

// jidText makes text of a number that could be a jid. (Those of our days are past 64
// bits, and text already.)
func jidText(v value.Value) value.Value {
	switch v.(type) {
	case int64, uint64:
		if text := fmt.Sprint(v); len(text) == jidLength {
			return text
		}
	}
	return v
}

// jidLength is the digits of a jid: a time down to microseconds.
const jidLength = 20
