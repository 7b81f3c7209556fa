package value_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"gorun/value"
)

// values draws any value that Salt can send.
func values(depth int) *rapid.Generator[value.Value] {
	leaves := []*rapid.Generator[value.Value]{
		rapid.Just[value.Value](nil),
		rapid.Map(rapid.Bool(), func(b bool) value.Value { return b }),
		rapid.Map(rapid.Int64(), func(i int64) value.Value { return i }),
		rapid.Map(rapid.Uint64Min(math.MaxInt64+1), func(u uint64) value.Value { return u }),
		rapid.Map(rapid.Float64(), func(f float64) value.Value { return f }),
		rapid.Map(rapid.String(), func(s string) value.Value { return s }),
		rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) value.Value { return value.Bytes(b) }),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 300), func(b []byte) value.Value {
			return value.Ext{Code: value.ExtDate, Data: string(b)}
		}),
	}
	if depth == 0 {
		return rapid.OneOf(leaves...)
	}
	inner := values(depth - 1)
	list := rapid.Map(rapid.SliceOfN(inner, 0, 20), func(l []value.Value) value.Value { return value.List(l) })
	mapping := rapid.Custom(func(t *rapid.T) value.Value {
		m := value.NewMap()
		for range rapid.IntRange(0, 20).Draw(t, "entries") {
			m.Set(values(0).Draw(t, "key"), inner.Draw(t, "value"))
		}
		return m
	})
	return rapid.OneOf(append(leaves, list, mapping)...)
}

func TestEncodeDecode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := values(3).Draw(t, "value")
		data, err := value.Encode(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := value.Decode(data)
		if err != nil {
			t.Fatalf("decode %x: %v", data, err)
		}
		again, err := value.Encode(got)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(data, again) {
			t.Fatalf("%x came back as %x", data, again)
		}
		if n, err := value.Span(append(data, 0xc0)); err != nil || n != len(data) {
			t.Fatalf("span %d, %v of %d bytes", n, err, len(data))
		}
		for cut := range min(len(data), 64) {
			if _, err := value.Decode(data[:cut]); !errors.Is(err, value.ErrTruncated) {
				t.Fatalf("cut at %d of %d: %v", cut, len(data), err)
			}
		}
	})
}

// The forms in which the same event comes from different generations of Salt.
func TestDecodeForms(t *testing.T) {
	tests := []struct {
		name string
		data string
		want value.Value
	}{
		{"old raw string, 16 bit", "\xda\x00\x03abc", "abc"},
		{"old raw string, invalid UTF-8", "\xa2\xff\xfe", "\xff\xfe"},
		{"bin", "\xc4\x02\xff\x00", value.Bytes{0xff, 0}},
		{"float 32", "\xca\x3f\x80\x00\x00", 1.0},
		{"largest integer", "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", uint64(math.MaxUint64)},
		{"unsigned that fits", "\xcf\x00\x00\x00\x00\x00\x00\x00\x07", int64(7)},
		{"smallest integer", "\xd3\x80\x00\x00\x00\x00\x00\x00\x00", int64(math.MinInt64)},
		{"fixext", "\xd4\x05x", value.Ext{Code: 5, Data: "x"}},
		{"key twice", "\x82\xa1a\x01\xa1a\x02", value.NewMap("a", int64(2))},
		{"1 and True are one key", "\x82\x01\xa1x\xc3\xa1y", value.NewMap(int64(1), "y")},
		{"text and bytes are two", "\x82\xa1a\x01\xc4\x01a\x02", &value.Map{Entries: []value.Entry{
			{Key: "a", Val: int64(1)}, {Key: value.Bytes("a"), Val: int64(2)}}}},
		{"list as a key", "\x81\x91\x01\xc0", &value.Map{Entries: []value.Entry{{Key: value.List{int64(1)}}}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := value.Decode([]byte(test.data))
			if err != nil || !reflect.DeepEqual(got, test.want) {
				t.Errorf("got %#v, %v; want %#v", got, err, test.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	deep := bytes.Repeat([]byte{0x91}, value.MaxDepth+1)
	tests := []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, value.ErrTruncated},
		{"the unused code", []byte{0xc1}, value.ErrMalformed},
		{"too deep", append(deep, 0xc0), value.ErrDepth},
		{"64 MiB of depth", bytes.Repeat([]byte{0x91}, 64<<20), value.ErrDepth},
		{"a list of 4 billion", []byte{0xdd, 0xff, 0xff, 0xff, 0xff, 1}, value.ErrTruncated},
		{"a map of 4 billion", []byte{0xdf, 0xff, 0xff, 0xff, 0xff, 1}, value.ErrTruncated},
		{"a string of 4 GiB", []byte{0xdb, 0xff, 0xff, 0xff, 0xff, 'a'}, value.ErrTruncated},
		{"an ext of 4 GiB", []byte{0xc9, 0xff, 0xff, 0xff, 0xff, 1, 'a'}, value.ErrTruncated},
		{"two values", []byte{1, 2}, value.ErrTrailing},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := value.Decode(test.data); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
}

func TestFields(t *testing.T) {
	data, err := value.Encode(value.NewMap("fun", "test.ping", int64(7), "seven", "arg", value.List{int64(1)}))
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	err = value.Fields(data, func(key string, val value.Raw) error {
		keys = append(keys, key)
		if key == "fun" {
			if text, ok := val.Text(); !ok || text != "test.ping" {
				t.Errorf("fun is %q, %v", text, ok)
			}
		}
		return nil
	})
	if want := []string{"fun", "arg"}; err != nil || !reflect.DeepEqual(keys, want) {
		t.Errorf("got %v, %v; want %v", keys, err, want)
	}
	if err := value.Fields([]byte{0x90}, nil); !errors.Is(err, value.ErrNotMap) {
		t.Errorf("a list: %v", err)
	}
}

func TestAppend(t *testing.T) {
	for _, n := range []int{0, 15, 16, 70000} {
		if got, err := value.Decode(value.AppendMap(nil, n)); n == 0 && (err != nil || got.(*value.Map).Len() != 0) {
			t.Errorf("empty map: %v, %v", got, err)
		} else if n > 0 && !errors.Is(err, value.ErrTruncated) {
			t.Errorf("head of %d: %v", n, err)
		}
	}
	for _, n := range []int{0, 15, 16, 70000} {
		list := value.AppendList(nil, n)
		for range n {
			list = value.AppendText(list, "x")
		}
		if got, err := value.Decode(list); err != nil || len(got.(value.List)) != n {
			t.Errorf("list of %d: %v", n, err)
		}
	}
	for _, n := range []int{0, 31, 32, 255, 256, 65535, 65536} {
		want := string(bytes.Repeat([]byte("x"), n))
		if got, err := value.Decode(value.AppendText(nil, want)); err != nil || got != want {
			t.Errorf("text of %d: %v", n, err)
		}
	}
}

// Of a key that comes twice the last value stays, in the place of the first, in small maps and
// in large ones.
func TestDecodeTwice(t *testing.T) {
	for _, n := range []int{3, 40} {
		data := value.AppendMap(nil, n+1)
		for i := range n {
			data = append(value.AppendText(data, fmt.Sprint("key", i)), byte(i))
		}
		data = append(value.AppendText(data, "key1"), 99)
		got, err := value.Decode(data)
		if err != nil {
			t.Fatal(err)
		}
		m := got.(*value.Map)
		if v, _ := m.Get("key1"); m.Len() != n || v != int64(99) || m.Entries[1].Key != "key1" {
			t.Errorf("map of %d: %v", n, m.Entries)
		}
	}
}

func TestEqual(t *testing.T) {
	tests := []struct {
		a, b value.Value
		want bool
	}{
		{int64(1), true, true},
		{int64(1), 1.0, true},
		{"1", int64(1), false},
		{"a", value.Bytes("a"), false},
		{nil, false, false},
		{uint64(math.MaxUint64), int64(-1), false},
		{value.NewMap("a", int64(1), "b", nil), value.NewMap("b", nil, "a", true), true},
		{value.List{"a"}, value.List{"b"}, false},
	}
	for _, test := range tests {
		if got := value.Equal(test.a, test.b); got != test.want {
			t.Errorf("%#v == %#v: %v", test.a, test.b, got)
		}
		if got := value.Equal(test.b, test.a); got != test.want {
			t.Errorf("%#v == %#v: %v", test.b, test.a, got)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		"\x82\xa4head\x80\xa4body\xc4\x00", "\xda\x00\x03abc", "\x91\x91\x91\xc0",
		"\xdf\xff\xff\xff\xff", "\xc7\x0c\x4e20261122T0738", "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := value.Decode(data)
		_ = value.Fields(data, func(string, value.Raw) error { return nil })
		if err != nil {
			return
		}
		again, err := value.Encode(v)
		if err != nil {
			t.Fatalf("%x decodes but does not encode: %v", data, err)
		}
		if _, err := value.Decode(again); err != nil {
			t.Fatalf("%x written as %x does not read: %v", data, again, err)
		}
	})
}
