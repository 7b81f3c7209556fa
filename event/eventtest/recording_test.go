package eventtest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gorun/event"
	"gorun/value"
)

var forms = []event.Form{event.FormZMQ, event.FormOld, event.FormStream, event.FormPrefixed}

// save writes a recording as a recorder does.
func save(t *testing.T, rec *Recording) (dir string) {
	t.Helper()
	dir = t.TempDir()
	name := streamFile
	data := bytes.Join(rec.Messages, nil)
	if rec.Form == event.FormZMQ {
		name, data = zmqFile, nil
		for _, m := range rec.Messages {
			data = append(binary.BigEndian.AppendUint32(data, uint32(len(m))), m...)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestLoad(t *testing.T) {
	for _, form := range forms {
		want := New(form,
			Frame("salt/auth", value.NewMap("id", "minion-1", "act", nil), form),
			Frame("new_job", value.NewMap("arg", value.List{int64(1), value.Bytes("\xff"), 1.5}), form),
			Frame("20261122073829407758", value.NewMap("return", string(Noise(1, 70_000))), form))
		got, err := Load(save(t, want))
		if err != nil {
			t.Errorf("%v: %v", form, err)
			continue
		}
		if got.Form != form || got.Frames() != 3 || !slices.EqualFunc(got.Messages, want.Messages, bytes.Equal) {
			t.Errorf("%v: loaded %v with %d messages", form, got.Form, got.Frames())
		}
	}
}

func TestLoadBroken(t *testing.T) {
	for _, form := range forms {
		rec := New(form, Frame("salt/auth", value.NewMap("id", "minion-1"), form))
		dir := save(t, rec)
		files, err := filepath.Glob(filepath.Join(dir, "bus.*"))
		if err != nil || len(files) != 1 {
			t.Fatal(files, err)
		}
		data, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n < len(data); n++ {
			if err := os.WriteFile(files[0], data[:n], 0o600); err != nil {
				t.Fatal(err)
			}
			if rec, err := Load(dir); !errors.Is(err, ErrRecording) {
				t.Errorf("%v, the first %d bytes: %v, %v", form, n, rec, err)
			}
		}
	}
	if rec, err := Load(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty folder: %v, %v", rec, err)
	}
	if rec, err := Load(save(t, New(event.FormStream))); !errors.Is(err, ErrRecording) {
		t.Errorf("empty file: %v, %v", rec, err)
	}
}

// A mangle leaves the recording as it is.
func TestMangles(t *testing.T) {
	a, b, c := []byte("aa"), []byte("bb"), []byte("cc")
	for name, test := range map[string]struct {
		mangle Mangle
		want   string
	}{
		"double":                  {Double, "aaaabbbbcccc"},
		"cut":                     {Cut(1, 1), "aabcc"},
		"insert":                  {Insert(1, []byte("-")), "aa-bbcc"},
		"stop":                    {Stop(1, 1), "aab"},
		"only the 1st connection": {First(Stop(1, 0)), "aa"},
	} {
		frames := [][]byte{a, b, c}
		if got := string(bytes.Join(test.mangle(0, frames), nil)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
		if got := string(bytes.Join(frames, nil)); got != "aabbcc" {
			t.Errorf("%s: recording is %q now", name, got)
		}
	}
	frames := [][]byte{a, b, c}
	if got := string(bytes.Join(First(Double)(1, frames), nil)); got != "aabbcc" {
		t.Errorf("the 2nd connection: %q", got)
	}
	got := Shuffle(1)(0, frames)
	slices.SortFunc(got, bytes.Compare)
	if string(bytes.Join(got, nil)) != "aabbcc" {
		t.Errorf("shuffle: %q", got)
	}
}
