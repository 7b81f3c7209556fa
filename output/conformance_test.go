//go:build conformance

package output

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"gorun/value"
)

// TestCorpusConformance prints every case of the recorded corpus with the real Salt as it is
// installed now, and with gorun.
func TestCorpusConformance(t *testing.T) {
	rec := readRecording(t, "../testdata/output/3008.3.json.gz")
	theme := filepath.Join(t.TempDir(), "theme.yml")
	text, err := json.Marshal(rec.Theme)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(theme, text, 0o600); err != nil {
		t.Fatal(err)
	}
	salt := startSalt(t, saltPython(t))
	values := rec.decode(t)
	equal := 0
	for _, c := range rec.Cases {
		asked := maps.Clone(c.Opts)
		if asked["color_theme"] != nil {
			asked["color_theme"] = theme
		}
		want, _ := salt.show(t, c.Out, values[c.Value], asked)
		if got := printed(t, c.Out, values[c.Value], saltOptions(t, c.Opts, rec.Theme)); got != want {
			t.Errorf("%s by %q %v: %s", c.Value, c.Out, c.Opts, difference(got, want))
			continue
		}
		equal++
	}
	fmt.Printf("outputters, corpus: %d compared, %d equal\n", len(rec.Cases), equal)
	if len(rec.Cases) == 0 {
		t.Error("nothing was compared")
	}
}

// saltPython is a Python that has Salt 3008.3.
func saltPython(t *testing.T) string {
	t.Helper()
	python := os.Getenv("GORUN_SALT_PYTHON")
	if python == "" {
		t.Fatal("GORUN_SALT_PYTHON names no Python that has Salt 3008.3")
	}
	return python
}

// TestSalt compares with the Salt of the Python that GORUN_SALT_PYTHON names, on
// GORUN_N values made from the seed GORUN_SEED.
func TestSalt(t *testing.T) {
	n := int(setting(t, "GORUN_N", 2000))
	seed := setting(t, "GORUN_SEED", uint64(time.Now().UnixNano()))
	salt := startSalt(t, saltPython(t))
	g := newGenerator(seed)
	equal, raised := 0, 0
	for range n {
		out, v, opts := g.question()
		want, traceback := salt.show(t, out, v, opts)
		if traceback {
			raised++
		}
		if got := printed(t, out, v, saltOptions(t, opts, nil)); got != want {
			t.Errorf("%s %v of %.2000s: %s", out, opts, repr(v), difference(got, want))
			continue
		}
		equal++
	}
	fmt.Printf("outputters, seed %d: %d compared, %d equal; in %d of them salt-run ends in a traceback, and gorun prints nested\n",
		seed, n, equal, raised)
}

func setting(t *testing.T, name string, otherwise uint64) uint64 {
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// saltProcess is testdata/output/compare.py at work.
type saltProcess struct {
	in  io.Writer
	out *bufio.Reader
}

func startSalt(t *testing.T, python string) *saltProcess {
	cmd := exec.CommandContext(t.Context(), python, "../testdata/output/compare.py")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return &saltProcess{in, bufio.NewReader(out)}
}

func (s *saltProcess) show(t *testing.T, out string, v value.Value, opts map[string]any) (text string, raised bool) {
	t.Helper()
	changed := &value.Map{}
	for key, val := range opts {
		if f, ok := val.(float64); ok {
			val = int64(f)
		}
		changed.Set(key, val)
	}
	question, err := value.Encode(value.NewMap("out", out, "opts", changed, "data", v))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.in.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(question))), question...)); err != nil {
		t.Fatal(err)
	}
	var head [5]byte
	if _, err := io.ReadFull(s.out, head[:]); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, binary.BigEndian.Uint32(head[:]))
	if _, err := io.ReadFull(s.out, answer); err != nil {
		t.Fatal(err)
	}
	return string(answer), head[4] == 1
}
