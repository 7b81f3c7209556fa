package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/jobcache"
	"gorun/value"
)

func TestTerminal(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", ""},
		{"minion-1:\n\tTrue\r\n", "minion-1:\n\tTrue\r\n"},
		{"grün 網路 🧂", "grün 網路 🧂"},
		{"\x1b[2J\x1b]0;title\a", `\x1b[2J\x1b]0;title\x07`},
		{"\x1b[0;31mred\x1b[0;0m", `\x1b[0;31mred\x1b[0;0m`},
		{"CSI0;31mredCSI0;0m", "\x1b[0;31mred\x1b[0;0m"},
		{"CSI" + strings.Repeat("1", 100), `\x1bNONCE[` + strings.Repeat("1", 100)},
		{"CSI", `\x1bNONCE[`},
		{"over\rwritten\b\b\x7f\x00", `over\x0dwritten\x08\x08\x7f\x00`},
		{"\r", `\x0d`},
		{"\u009b31m\u0085", `\u009b31m\u0085`},
		{"\x9b31m\xff\xc3", `\x9b31m\xff\xc3`},
		{"\xe7\xb6", `\xe7\xb6`},
		{"\x1b", `\x1b`},
	}
	for _, test := range tests {
		for cut := range len(test.in) + 1 { // however it is written
			var b bytes.Buffer
			w := newTerminal(&b)
			nonce := strings.TrimSuffix(w.csi[1:], "[")
			in := strings.ReplaceAll(test.in, "CSI", w.csi)
			for _, piece := range []string{in[:cut], in[cut:]} {
				if n, err := io.WriteString(w, piece); err != nil || n != len(piece) {
					t.Fatalf("%d, %v", n, err)
				}
			}
			if err := w.flush(); err != nil {
				t.Fatal(err)
			}
			if got := strings.ReplaceAll(b.String(), nonce, "NONCE"); got != test.want {
				t.Errorf("%q cut at %d: %q, wanted %q", test.in, cut, got, test.want)
			}
		}
	}
}

// Whatever is written, and in whichever pieces, no control character comes out.
func FuzzTerminal(f *testing.F) {
	f.Add([]byte("\x1b[31m\r\n\u009b"), 2)
	f.Add([]byte("a\xe7\xb6\xb2\x1b"), 3)
	f.Fuzz(func(t *testing.T, data []byte, cut int) {
		cut = min(max(cut, 0), len(data))
		var b bytes.Buffer
		w := newTerminal(&b)
		for _, piece := range [][]byte{data[:cut], data[cut:]} {
			if _, err := w.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		whole, _ := visible(data, w.csi, true)
		if !bytes.Equal(whole, b.Bytes()) {
			t.Errorf("in one %q, in two %q", whole, b.Bytes())
		}
		for _, r := range strings.ReplaceAll(b.String(), "\r\n", "\n") {
			if r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 {
				t.Errorf("%q shows %q", data, b.String())
			}
		}
	})
}

// hostile are ids that a minion may have (salt.utils.verify.valid_id lets them), and that
// would do something to a terminal, a path or a query.
var hostile = []string{
	"\x1b[2J\x1b[31mred", "\x1b[0;32mgreen\x1b[0;0m", "\u009b31mred", "title\x1b]0;x\a", "back\b\b\b\b", "a\rb",
	"two\nlines", "'); DROP TABLE jobs; --", "%s%n", "`id`", "-rf",
}

// unsound are ids and jids that nothing may be stored under.
var unsound = []string{"", ".", "..", "../../../../tmp/x", "a/b", "..\\..\\x", "nul\x00l"}

// A bus of hostile events, followed by a subscriber: each sound id is kept as it is, the
// unsound are counted; no file is made elsewhere; a pipe has the bytes, a terminal does
// nothing that it is told.
func TestHostileBus(t *testing.T) {
	const jid = "20261122073829407758"
	var frames [][]byte
	frame := func(tag string, data ...any) {
		frames = append(frames, eventtest.Frame(tag, value.NewMap(append(data, "_stamp", "2026-11-22T07:38:29.410047")...), event.FormStream))
	}
	var ids value.List
	for _, id := range slices.Concat(hostile, unsound) {
		ids = append(ids, id)
	}
	frame("salt/job/"+jid+"/new", "jid", jid, "fun", "test.ping", "arg", value.List{}, "tgt", "\x1b[31m*", "tgt_type", "glob",
		"user", "root\x1b[5m", "minions", ids)
	for _, id := range ids {
		frame("salt/job/"+jid+"/ret/"+fmt.Sprint(id), "jid", jid, "id", id, "return", "text \x1b[2J\u009b2J", "retcode", int64(0),
			"success", true, "fun", "test.ping", "fun_args", value.List{})
	}
	for _, id := range slices.Concat(unsound, hostile) { // and as jids
		frame("salt/job/"+id+"/new", "jid", id, "fun", "test.ping", "tgt", "*", "minions", value.List{"m1"})
		frame("salt/job/"+id+"/ret/m1", "jid", id, "id", "m1", "return", true, "fun", "test.ping")
	}
	root := shortDir(t)
	if err := makeMaster(root); err != nil {
		t.Fatal(err)
	}
	store := filepath.Join(root, "cache/gorun", jobcache.File)
	stop, err := feed(store, func() [][]byte { return frames })
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Dir(store) + "/*")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	for _, file := range files {
		if !strings.HasPrefix(filepath.Base(file), jobcache.File) {
			t.Errorf("made %s", file)
		}
	}
	r, err := jobcache.OpenReader(store)
	if err != nil {
		t.Fatal(err)
	}
	var kept []string
	err = r.Returns(t.Context(), jid, func(ret *jobcache.Return) error { kept = append(kept, ret.Minion); return nil })
	jobs, _, err2 := r.Count(t.Context())
	if err := errors.Join(err, err2, r.Close()); err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(hostile))
	if !slices.Equal(kept, want) || jobs != 1 {
		t.Errorf("kept %d jobs and the returns of %q, wanted %q", jobs, kept, want)
	}

	for _, args := range [][]string{{"jobs.list_jobs"}, {"jobs.list_job", jid}, {"jobs.lookup_jid", jid}, {"jobs.lookup_jid", jid, "--out=txt"}} {
		args = append([]string{"-c", filepath.Join(root, "etc")}, args...)
		piped, _ := gorunOn(t, nil, args...)
		if slices.Contains(args, "jobs.lookup_jid") && !bytes.Contains(piped, []byte("\x1b[0;32mgreen")) {
			t.Errorf("%q: a pipe has not the bytes as they are: %q", args, piped)
		}
		shown, _ := gorunOn(t, openPty(t), args...)
		checkShown(t, args, shown)
	}
	// A name on the command line comes back on stderr.
	_, said := gorunOn(t, nil, "-c", filepath.Join(root, "etc"), "jobs.lookup_jid\x1b[2J")
	if !bytes.Contains(said, []byte(`\x1b[2J`)) || bytes.Contains(said, []byte{0x1b}) {
		t.Errorf("stderr: %q", said)
	}
}

var ownColor = regexp.MustCompile("\x1b\\[0;(0|1;3[0-7]|3[0-7])m")

// checkShown looks for what a terminal would act on, apart from gorun's own colours.
func checkShown(t *testing.T, args []string, shown []byte) {
	t.Helper()
	if !ownColor.Match(shown) && !slices.Contains(args, "--out=txt") {
		t.Errorf("%q: no colours on a terminal: %q", args, shown)
	}
	rest := ownColor.ReplaceAll(bytes.ReplaceAll(shown, []byte("\r\n"), nil), nil)
	if i := bytes.IndexFunc(rest, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r >= 0x7f && r < 0xa0 }); i >= 0 {
		t.Errorf("%q: a control character is shown: %q", args, rest[max(0, i-20):min(len(rest), i+20)])
	}
	if slices.Contains(args, "jobs.lookup_jid") && !bytes.Contains(rest, []byte(`\x1b[0;32mgreen`)) {
		t.Errorf("%q: a minion's own green is not shown escaped: %q", args, rest)
	}
}

// gorunOn runs gorun with stdout on a terminal, or on a pipe.
func gorunOn(t *testing.T, pty *pseudoTerminal, args ...string) (stdout, stderr []byte) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Args = append([]string{"gorun"}, args...)
	cmd.Env = append(os.Environ(), "NO_COLOR=", "TZ=UTC")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if pty != nil {
		cmd.Stdout = pty.slave
	}
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if pty != nil {
		return pty.read(t), errs.Bytes()
	}
	return out.Bytes(), errs.Bytes()
}

type pseudoTerminal struct {
	slave *os.File
	keys  io.Writer // what is typed
	seen  chan []byte
}

func openPty(t *testing.T) *pseudoTerminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	fd := int(master.Fd())
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	p := &pseudoTerminal{slave: slave, keys: master, seen: make(chan []byte, 1)}
	go func() {
		data, _ := io.ReadAll(master) // EIO when the last slave is closed
		_ = master.Close()
		p.seen <- data
	}()
	return p
}

// read returns all that was written.
func (p *pseudoTerminal) read(t *testing.T) []byte {
	t.Helper()
	if err := p.slave.Close(); err != nil {
		t.Fatal(err)
	}
	return <-p.seen
}
