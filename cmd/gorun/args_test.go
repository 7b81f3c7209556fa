package main

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"
	"unicode/utf8"

	"gorun/value"
)

// parseCase is a line of arguments and what Salt made of it: testdata/args/record.py.
type parseCase struct {
	Line         []string
	NoParse      []string `json:"no_parse"`
	Repr         string   // for who reads
	Args, Kwargs []byte   // msgpack
}

// difference tells how gorun reads the line otherwise than Salt did; "" for equal.
func (c parseCase) difference() string {
	args, kwargs := parseInput(c.Line, c.NoParse)
	gotArgs, err := value.Encode(value.List(args))
	if err != nil {
		return err.Error()
	}
	gotKwargs, err := value.Encode(kwargs)
	if err != nil {
		return err.Error()
	}
	if !bytes.Equal(oneNaN(gotArgs), oneNaN(c.Args)) || !bytes.Equal(oneNaN(gotKwargs), oneNaN(c.Kwargs)) {
		return string(gotArgs) + ", " + string(gotKwargs) + "; Salt has " + c.Repr
	}
	return ""
}

// oneNaN makes Python's and Go's NaN the same.
func oneNaN(packed []byte) []byte {
	packed = bytes.ReplaceAll(packed, []byte("\xcb\xff\xf8\x00\x00\x00\x00\x00\x00"), []byte("NaN"))
	return bytes.ReplaceAll(packed, []byte("\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01"), []byte("NaN"))
}

func TestParseInput(t *testing.T) {
	data, err := os.ReadFile("../../testdata/args/parse.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []parseCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	for _, test := range cases {
		if difference := test.difference(); difference != "" {
			t.Errorf("%q: %s", test.Line, difference)
		}
	}
}

func FuzzParseInput(f *testing.F) {
	for _, seed := range []string{"a=1", "20261122075300000000", "{a: [b, c]}", "2015, Mar 19", "a: b # c", "'a=b'", "1_000", "!"} {
		f.Add(seed, "x=[1]")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		args, kwargs := parseInput([]string{a, b}, []string{"x"})
		if n := len(args) + kwargs.Len(); n < 1 || n > 2 {
			t.Fatalf("%d values of 2 arguments", n)
		}
		for _, kw := range kwargs.Entries {
			if name := kw.Key.(string); name == "" || !utf8.ValidString(name) {
				t.Fatalf("keyword %q", name)
			}
		}
		if _, err := value.Encode(append(value.List(args), kwargs)); err != nil {
			t.Fatal(err)
		}
	})
}
