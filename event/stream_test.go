package event_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"

	"pgregory.net/rapid"
)

// pack joins text and msgpack written by hand.
func pack(parts ...any) []byte {
	var out []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			out = append(out, p...)
		case []byte:
			out = append(out, p...)
		case int:
			out = append(out, byte(p))
		}
	}
	return out
}

// framed puts a length before msgpack.
func framed(msg ...any) []byte {
	m := pack(msg...)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(m))), m...)
}

var (
	good      = eventtest.Envelope([]byte("good"), event.FormStream)
	goodOld   = eventtest.Envelope([]byte("good"), event.FormOld)
	goodFrame = eventtest.Envelope([]byte("good"), event.FormPrefixed)
	long      = strings.Repeat("x", 2*event.BufferSize)
)

// What a stream connection brings, and what is read from it. "malformed" and "too
// large" in want are errors about one message.
var streams = []struct {
	name string
	conn []byte
	want []string
	end  error
}{
	{"nothing", nil, nil, io.EOF},
	{"new strings", pack("\x82\xa4head\x80\xa4body\xc4\x01a"), []string{"a"}, io.EOF},
	{"old strings, body first", pack("\x82\xa4body\xda\x00\x01a\xa4head\x80"), []string{"a"}, io.EOF},
	{"bin16", pack("\x82\xa4head\x80\xa4body\xc5\x00\x01a"), []string{"a"}, io.EOF},
	{"bin32", pack("\x82\xa4head\x80\xa4body\xc6\x00\x00\x00\x01a"), []string{"a"}, io.EOF},
	{"fixstr", pack("\x82\xa4head\x80\xa4body\xa1a"), []string{"a"}, io.EOF},
	{"str8", pack("\x82\xa4head\x80\xa4body\xd9\x01a"), []string{"a"}, io.EOF},
	{"raw32", pack("\x82\xa4body\xdb\x00\x00\x00\x01a\xa4head\x80"), []string{"a"}, io.EOF},
	{"bin keys", pack("\x82\xc4\x04head\x80\xc4\x04body\xc4\x01a"), []string{"a"}, io.EOF},
	{"map16", pack("\xde\x00\x02\xa4head\x80\xa4body\xc4\x01a"), []string{"a"}, io.EOF},
	{"map32", pack("\xdf\x00\x00\x00\x02\xa4head\x80\xa4body\xc4\x01a"), []string{"a"}, io.EOF},
	{"no head", pack("\x81\xa4body\xc4\x01a"), []string{"a"}, io.EOF},
	{"empty body", pack("\x82\xa4head\x80\xa4body\xc4\x00", good), []string{"", "good"}, io.EOF},
	{"a full head", pack("\x82\xa4head\x82\xa3mid\xd9\x02id\xa1x\x93\xc0\xcf12345678\xd8\x011234567890123456\xa4body\xc4\x01a"),
		[]string{"a"}, io.EOF},
	{"every scalar in the head", pack("\x82\xa4head\xdc\x00\x16\x01\xff\xc0\xc2\xc3\xcaxxxx\xcbxxxxxxxx\xccx\xcdxx\xcexxxx",
		"\xcfxxxxxxxx\xd0x\xd1xx\xd2xxxx\xd3xxxxxxxx\xd4xx\xd5xxx\xd6xxxxx\xd7xxxxxxxxx\xc7\x01xx\xc8\x00\x01xx\xc9\x00\x00\x00\x01xx",
		"\xa4body\xc4\x01a", good), []string{"a", "good"}, io.EOF},
	{"unknown keys", pack("\x85\xa3foo\x91\x01\xa4head\x80\x07\xc3\xa4body\xc4\x01a\xa4tail\xa1x", good), []string{"a", "good"}, io.EOF},
	{"a map as key", pack("\x82\x81\x01\x02\x03\xa4body\xc4\x01a", good), []string{"a", "good"}, io.EOF},
	{"two bodies", pack("\x82\xa4body\xc4\x01a\xa4body\xc4\x01b", good), []string{"b", "good"}, io.EOF},
	{"a head 10,000 deep", pack("\x82\xa4head", strings.Repeat("\x91", 10_000), "\xc0\xa4body\xc4\x01a", good), []string{"a", "good"}, io.EOF},
	{"no body", pack("\x81\xa4head\x80", good), []string{"malformed", "good"}, io.EOF},
	{"empty map", pack("\x80", good), []string{"malformed", "good"}, io.EOF},
	{"body nil", pack("\x82\xa4head\x80\xa4body\xc0", good), []string{"malformed", "good"}, io.EOF},
	{"body a map", pack("\x82\xa4body\x81\xa1a\xa1b\xa4head\x80", good), []string{"malformed", "good"}, io.EOF},
	{"larger than the buffer", pack("\x82\xa4head\x80\xa4body\xc6\x00\x08\x00\x00", long, good), []string{long, "good"}, io.EOF},
	{"larger than the buffer, old", pack("\x82\xa4body\xdb\x00\x08\x00\x00", long, "\xa4head\x80", goodOld), []string{long, "good"}, io.EOF},
	{"too large", pack("\x82\xa4head\x80\xa4body\xc6\x00\x10\x00\x00", long, long, good), []string{"too large", "good"}, io.EOF},
	{"too large, old", pack("\x82\xa4body\xdb\x00\x10\x00\x00", long, long, "\xa4head\x80", goodOld), []string{"too large", "good"}, io.EOF},
	{"a list", pack(good, "\x92\xa4head\x80", good), []string{"good"}, event.ErrLost},
	{"noise", eventtest.Noise(2, 1000), nil, event.ErrLost},
	{"noise between", pack(good, eventtest.Noise(2, 1000), good), []string{"good"}, event.ErrLost},
	{"code never used", pack(good, "\x82\xa4head\xc1", good), []string{"good"}, event.ErrLost},
	{"cut in the body", good[:len(good)-2], nil, event.ErrLost},
	{"cut in the body, next follows", pack(good[:len(good)-2], good), []string{"go\x82\xa4"}, event.ErrLost},
	{"cut in a key", good[:3], nil, event.ErrLost},
	{"cut after the map's code", good[:1], nil, event.ErrLost},
	{"length lies", pack("\x82\xa4head\x80\xa4body\xc6\x00\x10\x00\x00", "a"), nil, event.ErrLost},
	{"length of 4 GiB", pack("\x82\xa4head\x80\xa4body\xc6\xff\xff\xff\xff", long), nil, event.ErrLost},
	{"head of 4 G values", pack("\x82\xa4head\xdd\xff\xff\xff\xff", long), nil, event.ErrLost},
	{"head of 4 GiB", pack("\x82\xa4head\xdb\xff\xff\xff\xff", long), nil, event.ErrLost},
	{"map of 4 G keys", pack("\xdf\xff\xff\xff\xff", strings.Repeat("\x01\x02", event.BufferSize)), nil, event.ErrLost},

	{"prefixed", framed("\x82\xa4head\x80\xa4body\xc4\x01a"), []string{"a"}, io.EOF},
	{"prefixed, old strings", framed("\x82\xa4body\xa1a\xa4head\x80"), []string{"a"}, io.EOF},
	{"prefixed, larger than the buffer", pack(framed("\x82\xa4head\x80\xa4body\xc6\x00\x08\x00\x00", long), goodFrame), []string{long, "good"}, io.EOF},
	{"prefixed, too large", pack(framed("\x82\xa4head\x80\xa4body\xc6\x00\x10\x00\x00", long, long), goodFrame), []string{"too large", "good"}, io.EOF},
	{"prefixed, bytes behind", pack(framed(good, "xyz"), goodFrame), nil, event.ErrLost},
	{"prefixed, too large, bytes behind", pack(framed("\x81\xa4body\xc6\x00\x10\x00\x00", long, long, "x"), goodFrame), nil, event.ErrLost},
	{"prefixed, body beyond the end", pack(framed("\x82\xa4head\x80\xa4body\xc4\x05a"), goodFrame), []string{"malformed", "good"}, io.EOF},
	{"prefixed, head beyond the end", pack(framed("\x82\xa4head\xd9\x05a"), goodFrame), []string{"malformed", "good"}, io.EOF},
	{"prefixed, key beyond the end", pack(framed("\x82\xa4bo"), goodFrame), []string{"malformed", "good"}, io.EOF},
	{"prefixed, body missing", pack(framed("\x81\xa4head\x80"), goodFrame), []string{"malformed", "good"}, io.EOF},
	{"prefixed, never used code", pack(framed("\x82\xa4head\xc1\xa4body\xc4\x01a"), goodFrame), []string{"malformed", "good"}, io.EOF},
	{"prefixed, 4 G values", pack(framed("\x82\xa4head\xdd\xff\xff\xff\xff"), goodFrame), []string{"malformed", "good"}, io.EOF},
	{"prefixed, 10,000 deep", pack(framed("\x82\xa4head", strings.Repeat("\x91", 10_000)), goodFrame), []string{"malformed", "good"}, io.EOF},
	{"prefixed, no map", pack(goodFrame, framed("hello"), goodFrame), []string{"good"}, event.ErrLost},
	{"prefixed, length 0", pack(goodFrame, 0, 0, 0, 0, goodFrame), []string{"good"}, event.ErrLost},
	{"prefixed, length of 4 GiB", pack(goodFrame, 255, 255, 255, 255, good), []string{"good"}, event.ErrLost},
	{"prefixed, length lies", pack(0, 16, 0, 0, good), nil, event.ErrLost},
	{"prefixed, cut in the length", goodFrame[:3], nil, event.ErrLost},
	{"prefixed, cut after the length", goodFrame[:4], nil, event.ErrLost},
	{"prefixed, then bare", pack(goodFrame, good), []string{"good"}, event.ErrLost},
	{"bare, then prefixed", pack(good, goodFrame), []string{"good"}, event.ErrLost},
}

// outcomes reads src to its end, with errors on the way in their places.
func outcomes(src event.Source) (got []string, end error) {
	for {
		body, err := src.Next()
		switch {
		case err == nil:
			got = append(got, string(body))
		case errors.Is(err, event.ErrTooLarge):
			got = append(got, "too large")
		case errors.Is(err, event.ErrMalformed):
			got = append(got, "malformed")
		default:
			return got, err
		}
	}
}

func TestStream(t *testing.T) {
	for _, test := range streams {
		t.Run(test.name, func(t *testing.T) {
			cfg := event.Config{MaxMessage: len(long)}
			got, end := outcomes(source(t, bytes.NewReader(test.conn), cfg))
			if !slices.Equal(got, test.want) || !errors.Is(end, test.end) {
				t.Errorf("read %.300q, %v, want %.300q, %v", got, end, test.want, test.end)
			}
			if len(test.conn) > 20_000 {
				return // too slow a byte at a time
			}
			got, end = outcomes(source(t, iotest.OneByteReader(bytes.NewReader(test.conn)), cfg))
			if !slices.Equal(got, test.want) || !errors.Is(end, test.end) {
				t.Errorf("a byte at a time: read %.300q, %v, want %.300q, %v", got, end, test.want, test.end)
			}
		})
	}
}

func TestForm(t *testing.T) {
	for _, form := range []event.Form{event.FormOld, event.FormStream, event.FormPrefixed} {
		src := source(t, bytes.NewReader(eventtest.Envelope([]byte("a"), form)), event.Config{})
		if got := src.Form(); got != event.FormUnknown {
			t.Errorf("%v: form before the first message: %v", form, got)
		}
		if _, err := src.Next(); err != nil {
			t.Errorf("%v: %v", form, err)
		}
		if got := src.Form(); got != form {
			t.Errorf("%v: form %v", form, got)
		}
	}
}

// Messages of any size come out as they went in, in all framings, however the bytes
// arrive.
func TestStreamProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom(forms[1:]).Draw(t, "form")
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(65_000, 66_000),
			rapid.IntRange(event.BufferSize-30, 2*event.BufferSize)), 1, 6).Draw(t, "sizes")
		var conn []byte
		for i, n := range sizes {
			conn = append(conn, eventtest.Envelope(eventtest.Noise(uint64(i), n), form)...)
		}
		chunk := rapid.IntRange(1000, 2*event.BufferSize).Draw(t, "chunk")
		src := event.NewSource(bytesConn{Reader: &chunks{conn, chunk}}, event.Config{})
		for i, n := range sizes {
			body, err := src.Next()
			if err != nil || !bytes.Equal(body, eventtest.Noise(uint64(i), n)) {
				t.Fatalf("message %d: %d bytes, %v, want %d", i, len(body), err, n)
			}
		}
		if _, err := src.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

// chunks hands out so many bytes at a time.
type chunks struct {
	data []byte
	size int
}

func (c *chunks) Read(p []byte) (int, error) {
	if len(c.data) == 0 {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), c.size)], c.data)
	c.data = c.data[n:]
	return n, nil
}

// zeros are without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// What is too large is not held, whatever the framing; nor is what is only announced.
func TestMemory(t *testing.T) {
	const large = 64 << 20
	for name, test := range map[string]struct {
		conn io.Reader
		want []string
	}{
		"bare": {io.MultiReader(bytes.NewReader(pack("\x82\xa4head\x80\xa4body\xc6\x04\x00\x00\x00")),
			io.LimitReader(zeros{}, large), bytes.NewReader(good)), []string{"too large", "good"}},
		"old": {io.MultiReader(bytes.NewReader(pack("\x82\xa4body\xdb\x04\x00\x00\x00")),
			io.LimitReader(zeros{}, large), bytes.NewReader(pack("\xa4head\x80", goodOld))), []string{"too large", "good"}},
		"prefixed": {io.MultiReader(bytes.NewReader(pack(goodFrame, 4, 0, 0, 17, "\x82\xa4head\x80\xa4body\xc6\x04\x00\x00\x00")),
			io.LimitReader(zeros{}, large), bytes.NewReader(goodFrame)), []string{"good", "too large", "good"}},
		"announced":           {bytes.NewReader(pack("\x82\xa4head\x80\xa4body\xc6\x00\xf0\x00\x00abc")), nil},
		"announced, old":      {bytes.NewReader(pack("\x82\xa4body\xdb\x00\xf0\x00\x00abc")), nil},
		"announced, prefixed": {bytes.NewReader(pack(0, 255, 0, 0, "\x82\xa4body\xdb\x00\xf0\x00\x00abc")), nil},
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got, _ := outcomes(source(t, test.conn, event.Config{}))
			runtime.ReadMemStats(&after)
			if !slices.Equal(got, test.want) {
				t.Errorf("read %.100q, want %q", got, test.want)
			}
			if used := after.TotalAlloc - before.TotalAlloc; used > 4*event.BufferSize {
				t.Errorf("%d bytes allocated", used)
			}
		})
	}
}

func FuzzStream(f *testing.F) {
	for _, rec := range recordings(f) {
		if rec.Form != event.FormZMQ {
			f.Add(bytes.Join(rec.Messages, nil))
		}
	}
	for _, test := range streams {
		if len(test.conn) < 20_000 {
			f.Add(test.conn)
		}
	}
	for _, test := range zmqStreams {
		f.Add(test.conn)
	}
	f.Fuzz(func(t *testing.T, conn []byte) {
		const largest = 1000
		src := source(t, bytes.NewReader(conn), event.Config{MaxMessage: largest})
		bodies, skipped, end := read(t, src)
		if !errors.Is(end, io.EOF) && !errors.Is(end, event.ErrLost) {
			t.Errorf("ends with %v", end)
		}
		total := len(skipped)
		for _, b := range bodies {
			total += 1 + len(b)
			if len(b) > largest {
				t.Errorf("a body of %d bytes", len(b))
			}
		}
		if total > len(conn) {
			t.Errorf("%d bytes and messages out of %d bytes", total, len(conn))
		}
	})
}

// benchmarkMessage is a small event as 3008 fires it.
func benchmarkMessage(form event.Form) []byte {
	return eventtest.Frame("salt/job/"+jid+"/ret/minion-1", value.NewMap(
		"cmd", "_return", "id", "minion-1", "success", true, "return", true, "retcode", int64(0),
		"jid", jid, "fun", "test.ping", "fun_args", value.List{}, "user", "root",
		"_stamp", "2026-11-22T07:38:29.542307+00:00"), form)
}

// repeat brings the same bytes for ever.
type repeat struct {
	data []byte
	at   int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.data[r.at:])
		n += c
		r.at = (r.at + c) % len(r.data)
	}
	return n, nil
}

// BenchmarkNext is the way from a connection's bytes to the tag, without a socket.
func BenchmarkNext(b *testing.B) {
	for _, form := range forms {
		b.Run(form.String(), func(b *testing.B) {
			msg := benchmarkMessage(form)
			conn := io.Reader(&repeat{data: msg})
			if form == event.FormZMQ {
				conn = io.MultiReader(bytes.NewReader(greeting), &repeat{data: zmqFrame(msg)})
			}
			benchmarkSource(b, event.NewSource(bytesConn{Reader: conn}, event.Config{}), len(msg))
		})
	}
}

// BenchmarkBus is all of the way from a real socket to the tag.
func BenchmarkBus(b *testing.B) {
	for _, form := range forms {
		b.Run(form.String(), func(b *testing.B) {
			msg := benchmarkMessage(form)
			rec := eventtest.New(form)
			for range 10_000 {
				rec.Messages = append(rec.Messages, msg)
			}
			endless := func(_ int, frames [][]byte) [][]byte {
				return slices.Repeat(frames, b.N/len(frames)+1)
			}
			cfg := serve(b, rec, eventtest.Options{Mangle: endless})
			benchmarkSource(b, dial(b, b.Context(), cfg), len(msg))
		})
	}
}

func benchmarkSource(b *testing.B, src event.Source, size int) {
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		body, err := src.Next()
		if err != nil {
			b.Fatal(err)
		}
		e, err := event.Decode(body)
		if err != nil {
			b.Fatal(err)
		}
		if event.ParseTag(e.Tag).Kind != event.JobRet {
			b.Fatal(e.Tag)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	body := eventtest.Body("salt/job/"+jid+"/ret/minion-1", value.NewMap("return", long), event.FormStream)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := event.Decode(body); err != nil {
			b.Fatal(err)
		}
	}
}
