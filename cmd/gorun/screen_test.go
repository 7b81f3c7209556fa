package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gorun/event/eventtest"
	"gorun/internal/saltlab/scenario"
)

// The terminal view, specified by the screens that a real terminal of 80 columns and 24 lines
// shows. make screens makes them anew, those in the README as well.
func TestScreens(t *testing.T) {
	if _, err := exec.LookPath("tmux"); err != nil {
		t.Skip("NOT DONE: gorun live on a terminal: tmux is missing")
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/screens",
		Setup: func(env *testscript.Env) error {
			env.Setenv("TZ", "UTC")
			env.Setenv("LC_ALL", "C.UTF-8")
			dir, err := os.MkdirTemp("", "gorun-") // short, as the path of a socket must be
			if err != nil {
				return err
			}
			env.Defer(func() {
				_ = exec.Command("tmux", "-S", filepath.Join(dir, "tmux"), "kill-server").Run() // it may never have begun
				_ = os.RemoveAll(dir)
			})
			env.Values[tmuxDir{}] = dir
			conf := "set -g status off\nset -g exit-empty off\nset -g default-terminal screen-256color\n"
			if err := os.WriteFile(filepath.Join(dir, "conf"), []byte(conf), 0o600); err != nil {
				return err
			}
			return makeMaster(env.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"live": liveBus, "bus": playBus, "recording": liveRecording, "terminal": startTerminal, "press": press, "screen": screen, "readme": readme, "resize": resize,
		},
		UpdateScripts: os.Getenv("GORUN_UPDATE_SCRIPTS") != "",
	})
}

// liveRecording plays a recorded master's bus to a subscriber that listens until the script ends.
func liveRecording(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: recording version")
	}
	dir := filepath.Join(projectRoot, "testdata/recordings", args[0])
	rec, err := scenario.Read(dir)
	ts.Check(err)
	bus, err := eventtest.Load(dir)
	ts.Check(err)
	keys := ts.MkAbs("etc/pki/master/minions")
	ts.Check(os.RemoveAll(keys))
	ts.Check(os.MkdirAll(keys, 0o755))
	for _, id := range rec.Master.Minions {
		ts.Check(os.WriteFile(filepath.Join(keys, id), nil, 0o644))
	}
	stop, err := feed(storeOf(ts), func() [][]byte { return bus.Messages })
	ts.Check(err)
	ts.Defer(func() { ts.Check(stop()) })
}

// projectRoot is that of the tests, which run in the package's folder.
var projectRoot = func() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}()

// tmuxDir is the key of the folder of a script's own tmux server.
type tmuxDir struct{}

// tmux runs a command of that server.
func tmux(ts *testscript.TestScript, args ...string) string {
	out, err := tmuxCommand(ts, args...).CombinedOutput()
	if err != nil {
		ts.Fatalf("tmux %s: %v: %s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

func tmuxCommand(ts *testscript.TestScript, args ...string) *exec.Cmd {
	dir := ts.Value(tmuxDir{}).(string)
	cmd := exec.Command("tmux", append([]string{"-u", "-f", filepath.Join(dir, "conf"), "-S", filepath.Join(dir, "tmux")}, args...)...)
	cmd.Dir = ts.Getenv("WORK")
	for _, name := range []string{"PATH", "WORK", "HOME", "TZ", "LC_ALL", "SALT_CONFIG_DIR"} {
		if v := ts.Getenv(name); v != "" {
			cmd.Env = append(cmd.Env, name+"="+v)
		}
	}
	return cmd
}

// startTerminal runs a command line in a terminal of 80 columns and 24 lines, which shows its
// exit status in the end.
func startTerminal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: terminal command args…")
	}
	_ = tmuxCommand(ts, "kill-session").Run() // of the terminal before, if there was one
	tmux(ts, "new-session", "-d", "-e", "NO_COLOR="+ts.Getenv("NO_COLOR"), "-x", "80", "-y", "24", strings.Join(args, " ")+`; echo "status $?"; exec cat`)
}

// press types keys, by tmux's names of them; with -text the argument as it is.
func press(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: press key… | press -text text")
	}
	if args[0] == "-text" {
		args = []string{"-l", args[1]}
	}
	tmux(ts, append([]string{"send-keys"}, args...)...)
}

// resize makes the terminal another size: resize columns lines.
func resize(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: resize columns lines")
	}
	tmux(ts, "resize-window", "-x", args[0], "-y", args[1])
}

// screen waits until the terminal shows each of the patterns and nothing moves, and writes what
// it shows to a file; with -styles with the escape sequences. Ages and hours are blotted out.
func screen(ts *testscript.TestScript, neg bool, args []string) {
	capture := []string{"capture-pane", "-p"}
	if len(args) > 0 && args[0] == "-styles" {
		capture, args = append(capture, "-e"), args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: screen [-styles] file pattern…")
	}
	var shown, before string
	deadline := time.Now().Add(30 * time.Second)
	for {
		before, shown = shown, blot(tmux(ts, capture...))
		missing := ""
		for _, pattern := range args[1:] {
			if !regexp.MustCompile("(?m)" + pattern).MatchString(shown) {
				missing = pattern
			}
		}
		if missing == "" && shown == before {
			break
		}
		if time.Now().After(deadline) {
			ts.Fatalf("the terminal does not show %q but\n%s", missing, shown)
		}
		time.Sleep(20 * time.Millisecond)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(shown), 0o600))
}

// readme compares what the terminal shows with the README's screen of that name.
func readme(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: readme name")
	}
	path := filepath.Join(projectRoot, "README.md")
	text, err := os.ReadFile(path)
	ts.Check(err)
	begin, end := "<!-- screen "+args[0]+", of make screens -->\n```text\n", "```\n"
	before, rest, ok := strings.Cut(string(text), begin)
	was, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		ts.Fatalf("README.md has no screen %s", args[0])
	}
	var lines []string
	for line := range strings.Lines(tmux(ts, "capture-pane", "-p")) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	shown := strings.Join(lines, "\n") + "\n"
	switch {
	case blot(shown) == blot(was):
	case os.Getenv("GORUN_UPDATE_SCRIPTS") != "":
		ts.Check(os.WriteFile(path, []byte(before+begin+shown+end+after), 0o644))
	default:
		ts.Fatalf("the README's screen %s is not fresh: make screens", args[0])
	}
}

var (
	agoPattern  = regexp.MustCompile(`\d+[smhd] ago|\(\d+[smhd]\)`)
	agePattern  = regexp.MustCompile(`(?m) {1,4}\d+[smhd]( |$)`)
	timePattern = regexp.MustCompile(`since \d\d-\d\d \d\d:\d\d:\d\d`)
)

// blot takes out what is another one each time: ages, which keep their width.
func blot(shown string) string {
	shown = agoPattern.ReplaceAllString(shown, "# ago")
	shown = agePattern.ReplaceAllStringFunc(shown, func(age string) string {
		if strings.HasSuffix(age, " ") {
			return fmt.Sprintf("%*s ", len(age)-1, "#")
		}
		return fmt.Sprintf("%*s", len(age), "#")
	})
	var b strings.Builder
	for line := range strings.Lines(timePattern.ReplaceAllString(shown, "since ##-## ##:##:##")) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}
