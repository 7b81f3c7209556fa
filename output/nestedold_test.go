package output

import (
	"bytes"
	"testing"

	"gorun/value"
)

// What Python 2 printed, as the recordings of 2014.7.7 have it.
func TestNestedOld(t *testing.T) {
	tests := []struct {
		v    value.Value
		want string
	}{
		{value.List{"first\nsecond"}, "- first\n- second\n"},
		{"a\vb\u2028c\r\nd\re", "a\vb\u2028c\nd\ne\n"},
		{"\xff\xfe caf\xe9", "ÿþ café\n"},
		{123456789.123456789, "123456789.123\n"},
		{1e16, "1e+16\n"},
		{0.1, "0.1\n"},
		{3.0, "3.0\n"},
		{true, "True\n"},
		{value.NewMap("b", nil, int64(2), nil, nil, nil, int64(1), nil), "None:\n    None\n1:\n    None\n2:\n    None\nb:\n    None\n"},
	}
	for _, test := range tests {
		var b bytes.Buffer
		o := DefaultOptions()
		o.OldMaster = true
		if err := Print(&b, "nested", test.v, o); err != nil || b.String() != test.want {
			t.Errorf("%#v: %q, %v; want %q", test.v, b.String(), err, test.want)
		}
	}
}
