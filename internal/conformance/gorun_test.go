package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorun/internal/saltlab/scenario"
)

// patience bounds how long a test waits for what must come.
const patience = 2 * time.Minute

// A gorun is the built program on one master's configuration.
type gorun struct {
	binary, config string
}

// build makes the program once for a test.
func build(t *testing.T) (binary string) {
	t.Helper()
	binary = filepath.Join(t.TempDir(), "gorun")
	out, err := exec.Command("go", "build", "-o", binary, "gorun/cmd/gorun").CombinedOutput()
	if err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return binary
}

// run asks gorun; a status other than 0 is no error.
func (g gorun) run(t *testing.T, args ...string) (stdout, stderr []byte) {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := g.command(t.Context(), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("gorun %s: %v", strings.Join(args, " "), err)
	}
	return out.Bytes(), errs.Bytes()
}

func (g gorun) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, g.binary, append([]string{"-c", g.config}, args...)...)
	cmd.Env = append(os.Environ(), "TZ=UTC", "LC_ALL=C.UTF-8") // as the lab has it
	return cmd
}

// subscribe runs the subscriber until the test ends, which it must do in good order.
func (g gorun) subscribe(t *testing.T) {
	t.Helper()
	var errs bytes.Buffer
	cmd := g.command(context.Background(), "subscribe")
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatalf("gorun subscribe: %v", err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Errorf("gorun subscribe: %v\n%s", err, errs.String())
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("gorun subscribe, told to end: %v\n%s", err, errs.String())
		}
		if t.Failed() && errs.Len() > 0 {
			t.Logf("gorun subscribe wrote:\n%s", errs.String())
		}
	})
	until(t, "the subscriber listens", func() bool { return g.status(t).Listening })
}

// status is what gorun tells about its cache.
type status struct {
	Listening bool
	Events    int            // messages of the bus that are in the cache
	Skipped   map[string]int // those that could not be read, by reason
}

// status is zero as long as there is no cache.
func (g gorun) status(t *testing.T) (s status) {
	t.Helper()
	out, _ := g.run(t, "--out=json", "-l", "quiet", "cache", "info")
	if len(out) == 0 {
		return s
	}
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatalf("gorun cache info: %v\n%s", err, out)
	}
	return s
}

// until waits for what must come to be.
func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	untilReached(t, what, func() int {
		if is() {
			return 1
		}
		return 0
	}, 1)
}

// untilReached waits until a count reaches goal, for as long as it grows: a busy machine
// may take its time. It looks more and more seldom, for each look may be a process.
func untilReached(t *testing.T, what string, count func() int, goal int) {
	t.Helper()
	const longest = time.Second
	most, end, wait := 0, time.Now().Add(patience), 10*time.Millisecond
	for {
		n := count()
		switch {
		case n >= goal:
			return
		case n > most:
			most, end = n, time.Now().Add(patience)
		case time.Now().After(end):
			t.Fatalf("%s: nothing more for %v, at %d of %d", what, patience, n, goal)
		}
		time.Sleep(wait)
		wait = min(wait*5/4, longest)
	}
}

// A tally counts comparisons with one Salt.
type tally struct {
	version         string
	compared, equal int
	asked           map[string]int // by the first word of the question
	explained       map[string]int // by reason: see differences
	waiting         map[string]int // by function: those that gorun does not have yet
}

func newTally(version string) tally {
	return tally{version: version, asked: map[string]int{}, explained: map[string]int{}, waiting: map[string]int{}}
}

// compare asks gorun what salt-run was asked and compares the bytes.
func (n *tally) compare(t *testing.T, g gorun, args []string, want []byte) {
	t.Helper()
	got, stderr := g.ask(t, args)
	n.judge(t, args, got, stderr, want)
}

// ask asks gorun what salt-run was asked: manage's functions from the cache, where
// salt-run publishes a ping.
func (g gorun) ask(t *testing.T, args []string) (stdout, stderr []byte) {
	t.Helper()
	switch args[0] {
	case "manage.up", "manage.down", "manage.status":
		args = append(args[:len(args):len(args)], "source=cache")
	}
	return g.run(t, args...)
}

func (n *tally) judge(t *testing.T, args []string, got, stderr, want []byte) {
	t.Helper()
	n.compared++
	n.asked[args[0]]++
	if agrees(args, got, want) {
		n.equal++
		return
	}
	if reason, ok := explain(n.version, args, want); ok {
		n.explained[reason]++
		return
	}
	t.Errorf("%s\n%s\tstderr: %s", strings.Join(args, " "), firstDifference(got, want), stderr)
}

// agrees tells whether an answer is salt-run's.
func agrees(args []string, got, want []byte) bool {
	return bytes.Equal(got, want) || sameData(args, got, want) || sameButOwn(args, got, want)
}

// report prints what the roadmap of the project goes by.
func (n *tally) report(t *testing.T) {
	t.Helper()
	if n.compared == 0 {
		t.Error("nothing was compared")
	}
	fmt.Printf("%s: %d compared, %d equal\n", t.Name(), n.compared, n.equal)
	for _, reason := range slices.Sorted(maps.Keys(n.explained)) {
		fmt.Printf("%s: %d differ: %s\n", t.Name(), n.explained[reason], reason)
	}
	for _, name := range slices.Sorted(maps.Keys(n.waiting)) {
		fmt.Printf("%s: %d of %s not asked: gorun has it not yet\n", t.Name(), n.waiting[name], name)
	}
}

// sameData compares answers that list jobs or minions in the order in which Salt has
// found them in a folder or in a set, which is no order at all: JSON by what it says,
// highstate by its blocks, one a minion, text by its lines, Python's forms by their words.
func sameData(args []string, got, want []byte) bool {
	unordered := len(args) > 0 && slices.Contains([]string{"jobs.list_jobs", "jobs.lookup_jid", "manage.present"}, args[0])
	for _, arg := range args {
		switch strings.TrimPrefix(strings.TrimPrefix(arg, "--out="), "outputter=") {
		case "json":
			g, gerr := canonical(got)
			w, werr := canonical(want)
			return gerr == nil && werr == nil && bytes.Equal(g, w)
		case "txt", "text":
			return unordered && slices.Equal(sorted(got, "\n"), sorted(want, "\n"))
		case "raw", "pprint", "table", "highstate":
			if unordered && slices.Equal(sorted(got, words), sorted(want, words)) {
				return true
			}
		}
	}
	if !slices.Equal(sorted(got, words), sorted(want, words)) { // colours among them
		return false
	}
	got, want = escape.ReplaceAll(got, nil), escape.ReplaceAll(want, nil)
	return bytes.Contains(want, []byte("\nSummary for ")) && slices.Equal(blocks(got), blocks(want))
}

// escape is a colour.
var escape = regexp.MustCompile(`\x1b\[[0-9;]*m`)

// words are what stands between these: the elements of a map or a table.
const words = " \n,{}"

// sorted cuts an answer at any of the characters and puts the pieces into order.
func sorted(answer []byte, at string) []string {
	cut := strings.FieldsFunc(string(answer), func(r rune) bool { return strings.ContainsRune(at, r) })
	slices.Sort(cut)
	return cut
}

var (
	// 3008 writes the zone behind it.
	progressTime = regexp.MustCompile(`(?m)^( +)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(?:\+00:00)?$`)
	misfit       = regexp.MustCompile(`(?s)^(\nPassed invalid arguments: .+?\n\nUsage:\n).*`)
	helpName     = regexp.MustCompile(`(?m)^\S.*$`)
)

// sameButOwn compares answers but for what is each program's own: the time at which
// progress was told, and the texts of help, of which the names of functions are compared.
func sameButOwn(args []string, got, want []byte) bool {
	switch {
	case slices.Contains(args, "display_progress=True"):
		return bytes.Equal(progressTime.ReplaceAll(got, []byte("$1")), progressTime.ReplaceAll(want, []byte("$1")))
	case misfit.Match(want):
		return bytes.Equal(misfit.ReplaceAll(got, []byte("$1")), misfit.ReplaceAll(want, []byte("$1")))
	case scenario.IsHelp(args):
		names := helpName.FindAllString(string(want), -1)
		ours := slices.DeleteFunc(helpName.FindAllString(string(got), -1), func(line string) bool {
			return ownFunctions[strings.TrimSuffix(line, ":")]
		})
		return slices.Equal(ours, names)
	}
	return false
}

// ownFunctions are those that gorun adds to Salt's runners.
var ownFunctions = map[string]bool{"jobs.timeline": true, "jobs.watch": true}

var minionLine = regexp.MustCompile(`(?m)^[^\s-].*:$`)

// blocks cuts an answer before each line that names a minion, and puts the pieces
// into order.
func blocks(answer []byte) []string {
	text, from := strings.TrimRight(string(answer), "\n"), 0
	var cut []string
	for _, at := range minionLine.FindAllStringIndex(text, -1) {
		cut = append(cut, strings.TrimRight(text[from:at[0]], "\n"))
		from = at[0]
	}
	cut = append(cut, text[from:])
	slices.Sort(cut)
	return cut
}

// canonical writes JSON again, with the keys of objects in order.
func canonical(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

// firstDifference shows the first line that differs.
func firstDifference(got, want []byte) string {
	g, w := bytes.SplitAfter(got, []byte("\n")), bytes.SplitAfter(want, []byte("\n"))
	for i := range max(len(g), len(w)) {
		var gl, wl []byte
		if i < len(g) {
			gl = g[i]
		}
		if i < len(w) {
			wl = w[i]
		}
		if !bytes.Equal(gl, wl) {
			return fmt.Sprintf("\tline %d\n\t gorun: %.200q\n\t salt:  %.200q\n", i+1, gl, wl)
		}
	}
	return "" // not reached: they differ
}
