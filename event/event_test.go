package event_test

import (
	"errors"
	"strings"
	"testing"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"

	"pgregory.net/rapid"
)

const jid = "20261122073829407758"

func TestDecode(t *testing.T) {
	const data = "\x81\xa2id\xa8minion-1"
	for _, test := range []struct {
		name, body, tag, data string
	}{
		{"new form", "salt/job/" + jid + "/new\n\n" + data, "salt/job/" + jid + "/new", data},
		{"new form, short tag", "salt/auth\n\n" + data, "salt/auth", data},
		{"padded", "new_job|||||||||||||" + data, "new_job", data},
		{"padded, 20 bytes", jid + data, jid, data},
		{"padded, large map", jid + "\xde\x00\x01\xa2id\xa1a", jid, "\xde\x00\x01\xa2id\xa1a"},
		{"padded, end mark in the data", jid + "\x81\xa6return\xa5a\n\n\x80b", jid, "\x81\xa6return\xa5a\n\n\x80b"},
		{"new form, 20 bytes", jid + "\n\n" + data, jid, data},
		{"new form, a map in the data at byte 20", "abcdefghijkl\n\n\x81\xa4data\x80", "abcdefghijkl", "\x81\xa4data\x80"},
		{"new form, a letter of two bytes at byte 19", "salt/minion/abcdefgà/start\n\n" + data, "salt/minion/abcdefgà/start", data},
		{"new form, 0x80 at byte 20", "salt/minion/abcdef\xe2\x82\x80/start\n\n" + data, "salt/minion/abcdef\xe2\x82\x80/start", data},
		{"unique jid", jid + "_4711\n\n" + data, jid + "_4711", data},
		{"end mark in the data too", "a/b\n\n\x81\xa1a\xa2\n\n", "a/b", "\x81\xa1a\xa2\n\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := event.Decode([]byte(test.body))
			if err != nil || got.Tag != test.tag || string(got.Data) != test.data {
				t.Errorf("Decode(%q) = %q, %q, %v", test.body, got.Tag, got.Data, err)
			}
		})
	}
}

func TestDecodeMalformed(t *testing.T) {
	for name, body := range map[string]string{
		"nothing":              "",
		"no end of the tag":    "salt/auth",
		"no data":              "salt/auth\n\n",
		"no tag":               "\n\n\x80",
		"a list":               "salt/auth\n\n\x90",
		"padded without data":  "new_job|||||||||||||",
		"padded, a list":       "new_job|||||||||||||\x90",
		"padded, cut":          "new_job|||||||||||||\x81\xa2id\xa8min",
		"padded, no tag":       "||||||||||||||||||||\x80",
		"one line feed":        "salt/auth\n\x80",
		"noise":                string(eventtest.Noise(1, 500)),
		"map without its tag":  "\x81\xa2id\xa8minion-1",
		"a line feed too many": "salt/auth\n\n\n\x80",
	} {
		if got, err := event.Decode([]byte(body)); !errors.Is(err, event.ErrMalformed) {
			t.Errorf("%s: Decode(%q) = %q, %v, want ErrMalformed", name, body, got, err)
		}
	}
}

var forms = []event.Form{event.FormZMQ, event.FormOld, event.FormStream, event.FormPrefixed}

// What a master of any form packs comes out again.
func TestDecodeProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		form := rapid.SampledFrom(forms).Draw(t, "form")
		tag := rapid.StringMatching(`[a-z0-9_/]{1,40}`).Draw(t, "tag")
		data := value.NewMap("return", rapid.String().Draw(t, "return"), "fun_args", value.List{int64(1), nil})
		got, err := event.Decode(eventtest.Body(tag, data, form))
		if err != nil || got.Tag != tag {
			t.Fatalf("tag %q, %v", got.Tag, err)
		}
		if v, err := got.Data.Decode(); err != nil || !value.Equal(v, data) {
			t.Fatalf("data %v, %v, want %v", v, err, data)
		}
	})
}

func FuzzDecode(f *testing.F) {
	for _, rec := range recordings(f) {
		for _, body := range bodies(f, rec) {
			f.Add(body)
		}
	}
	for _, form := range forms {
		f.Add(eventtest.Body("new_job", value.NewMap("jid", jid), form))
		f.Add(eventtest.Body("salt/minion/ü/start", value.NewMap(), form))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got, err := event.Decode(body)
		if err != nil {
			if !errors.Is(err, event.ErrMalformed) {
				t.Errorf("error %v", err)
			}
			return
		}
		if got.Tag == "" || len(got.Data) == 0 || !strings.HasSuffix(string(body), string(got.Data)) {
			t.Errorf("tag %q, data %q", got.Tag, got.Data)
		}
	})
}
