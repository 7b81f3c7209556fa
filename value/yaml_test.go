package value_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"gorun/value"
)

// yamlCase is one text and what Salt made of it: testdata/yaml/record.py.
type yamlCase struct {
	YAML    string
	Msgpack []byte // nil: an error
	Repr    string // for who reads
	Line    int    // of the error; 0: Salt does not say
}

// readsOtherwise lists the recorded texts that gorun reads in another way than Salt.
var readsOtherwise = map[string]string{
	"!":    "the library does not tell a bare ! from nothing",
	"a: !": "the same",
}

func TestFromYAML(t *testing.T) {
	data, err := os.ReadFile("../testdata/yaml/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []yamlCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, test := range cases {
		difference := test.difference()
		if _, known := readsOtherwise[test.YAML]; known != (difference != "") {
			t.Errorf("%q: difference %q, known: %v", test.YAML, difference, known)
		}
	}
}

// difference tells how gorun reads the case otherwise than Salt did; "" for equal.
func (c yamlCase) difference() string {
	got, err := value.FromYAML([]byte(c.YAML))
	if err != nil {
		var wrong *value.YAMLError
		if !errors.As(err, &wrong) || wrong.Line < 1 || wrong.Line > 1+strings.Count(c.YAML, "\n") {
			return "not an error with a line: " + err.Error()
		}
		if c.Msgpack != nil {
			return err.Error() + "; Salt has " + c.Repr
		}
		return ""
	}
	packed, err := value.Encode(got)
	switch {
	case err != nil:
		return err.Error()
	case c.Msgpack == nil:
		return "no error"
	case !bytes.Equal(oneNaN(packed), oneNaN(c.Msgpack)):
		return string(packed) + "; Salt has " + c.Repr
	}
	return ""
}

// oneNaN makes the NaN of PyYAML, of Python and of Go the same.
func oneNaN(packed []byte) []byte {
	const nan = "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"
	packed = bytes.ReplaceAll(packed, []byte("\xcb\xff\xf8\x00\x00\x00\x00\x00\x00"), []byte(nan))
	return bytes.ReplaceAll(packed, []byte("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01"), []byte(nan))
}

// Where the parser names the start of the collection, or nothing, the line at which
// the text stops to be YAML is named.
func TestFromYAMLErrorLine(t *testing.T) {
	long := strings.Repeat("# comment\na: [1,\n  2]\n", 1)
	tests := []struct {
		text string
		line int
	}{
		{"a: 1\nb: 2\n c: 3\nd: 4\n", 3},
		{"# one\n\na: 1\nb:\n  c: 3\n d: 4\ne: 5\n", 6},
		{"a: 1\nb\nc: 3\n", 2},
		{"a: 1\n\tb: 2\n", 2},
		{"a: 1\nb: [1, 2\nc: 3\nd: 4\n", 2},
		{"a: 1\nb: 'x\nc: 3\n\n\n\n\nd: 4\n", 2},
		{"a: 1\nb: @x\n", 2},
		{"a: 1\nb: *x\n", 2},
		{"a: 1\nb:\n  - c\n  - !!int d\n", 4},
		{"a: 1\nb: 2\na: 3\n", 3},
		{long + "b: 1\n}\nc: 1\n", 5},
		{"a: 1\n---\nb: 2\n", 2},
		{"\x01", 1},
		{"]", 1},
	}
	for _, test := range tests {
		_, err := value.FromYAML([]byte(test.text))
		var wrong *value.YAMLError
		if !errors.As(err, &wrong) || wrong.Line != test.line {
			t.Errorf("%q: %v; want line %d", test.text, err, test.line)
		}
	}
}

func TestFromYAMLBounds(t *testing.T) {
	laughs := "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n"
	for i := range 9 {
		laughs += fmt.Sprintf("a%d: &a%d [%s]\n", i+1, i+1, strings.Repeat(fmt.Sprintf("*a%d, ", i), 10))
	}
	merges := "&m0 {k: v}" // each doubles the one before
	for i := range 30 {
		merges = fmt.Sprintf("&m%d {<<: [%s, *m%d]}", i+1, merges, i)
	}
	tests := []struct {
		name, text string
		want       error
	}{
		{"aliases", laughs, value.ErrAliases},
		{"merge keys", merges, value.ErrAliases},
		{"recursion", "&a [*a]", value.ErrDepth},
		{"recursion by merging", "&a {<<: *a}", value.ErrDepth},
		{"depth", strings.Repeat("[", 5000) + strings.Repeat("]", 5000), value.ErrDepth},
		{"depth of blocks", strings.Repeat("- ", 5000) + "a", value.ErrDepth},
		{"unclosed", strings.Repeat("[", 1<<20), nil},
		{"unclosed maps", strings.Repeat("{a: ", 1<<18), nil},
		{"digits", strings.Repeat("9", 1<<20), nil},
		{"keys", strings.Repeat("? ", 1<<18), nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := value.FromYAML([]byte(test.text))
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %.80v, want %v", err, test.want)
			}
		})
	}
}

func FuzzFromYAML(f *testing.F) {
	for _, seed := range []string{
		"a: 1\nb: [x, 'y', \"z\"]\n", "0777", "1:30", "2015, Mar 19", "{<<: {b: 1}, c: 2}", "&a [*a]",
		"!!binary a1b2c3", "!!float 1:30.5", "a: |\n  b\n", "%YAML 1.1\n---\na", "- a\n\t- b", "\xff\xfea\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := value.FromYAML(data)
		if err != nil {
			var wrong *value.YAMLError
			if !errors.As(err, &wrong) || wrong.Line < 1 {
				t.Fatalf("no error with a line: %v", err)
			}
			return
		}
		if _, err := value.Encode(v); err != nil {
			t.Fatalf("%q is no value: %v", data, err)
		}
	})
}
