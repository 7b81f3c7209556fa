package output

import (
	"regexp"
	"strings"
	"sync"
)

// yamlWords are the words that YAML 1.1 takes for something other than text when they
// stand unquoted.
var yamlWords = func() map[string]bool {
	words := map[string]bool{"": true}
	for _, w := range strings.Fields(`yes Yes YES no No NO true True TRUE false False FALSE
		on On ON off Off OFF null Null NULL ~ << = ! & *`) {
		words[w] = true
	}
	return words
}()

// yamlNumber is what it takes for a float, an integer or a date (yaml.resolver). No other
// outputter has to wait for it.
var yamlNumber = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^(?:` +
		`[-+]?[0-9][0-9_]*\.[0-9_]*(?:[eE][-+][0-9]+)?` +
		`|\.[0-9][0-9_]*(?:[eE][-+][0-9]+)?` +
		`|[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+\.[0-9_]*` +
		`|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)` +

		`|[-+]?0b[0-1_]+|[-+]?0[0-7_]+|[-+]?(?:0|[1-9][0-9_]*)` +
		`|[-+]?0x[0-9a-fA-F_]+|[-+]?[1-9][0-9_]*(?::[0-5]?[0-9])+` +

		`|[0-9]{4}-[0-9]{2}-[0-9]{2}` +
		`|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt]|[ \t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]*)?` +
		`(?:[ \t]*(?:Z|[-+][0-9]{1,2}(?::[0-9]{2})?))?` +
		`)$`)
})

// yamlType tells whether s would be read as a number, a date, a truth, nothing or
// one of YAML's own signs.
func yamlType(s string) bool {
	s = strings.TrimSuffix(s, "\n") // which Python's $ passes over
	if s == "" || s[0] > '9' || s[0] < '+' {
		return yamlWords[s]
	}
	// The expression is dear, and what is like a number is much of what Salt prints:
	// jids, addresses, times.
	rest := strings.TrimLeft(s, "0123456789")
	switch {
	case rest == "" && s[0] != '0':
		return true
	case rest != s && strings.Trim(rest, "0123456789abcdefABCDEFxTtZ_:.+- \t") != "":
		return false
	}
	return yamlNumber().MatchString(s)
}
