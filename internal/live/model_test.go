package live

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"pgregory.net/rapid"

	"gorun/jobcache"
	"gorun/runners"
)

// fixed answers every look with the same.
type fixed struct {
	snap *snapshot
	page *jobPage
	text *textPage
	err  error
}

func (f *fixed) look() (*snapshot, bool, error)               { return f.snap, true, f.err }
func (f *fixed) openJob(job) (*jobPage, error)                { return f.page, f.err }
func (f *fixed) openReturn(string, string) (*textPage, error) { return f.text, f.err }
func (f *fixed) looked() lookedMsg                            { return lookedMsg{f.snap, true, f.err} }
func minionOf(id string, state jobcache.State, since time.Time) minion {
	return minion{jobcache.Minion{ID: id}, jobcache.Verdict{State: state, Since: since, Why: "because"}}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// example is a source with three minions, and with two jobs of which one is running.
func example() *fixed {
	return &fixed{
		snap: &snapshot{
			at: noon, read: noon,
			known: jobcache.Status{Listening: true, Heartbeat: noon.Add(-2 * time.Second), Events: 7},
			minions: []minion{
				minionOf("web-1", jobcache.Down, noon.Add(-time.Minute)), minionOf("web-2", jobcache.Unknown, time.Time{}),
				minionOf("db-1", jobcache.Up, noon.Add(-50*time.Hour)),
			},
			jobs: []job{
				{jid: "20261122115900000002", fun: "state.apply", tgt: "*", user: "root", began: noon.Add(-time.Minute), asked: 3, returned: 1, running: 1},
				{jid: "20261122115900000001", fun: "test.ping", tgt: "db*", user: "root", began: noon.Add(-time.Minute), asked: 1, returned: 1},
			},
			returns: []ret{{jid: "20261122115900000001", minion: "db-1", fun: "test.ping", at: noon, state: stateOK}},
		},
		page: &jobPage{
			job:     job{jid: "20261122115900000002", fun: "state.apply", tgt: "*", user: "root", asked: 3, returned: 1},
			minions: []part{{"web-1", string(runners.Down), "because", noon}, {"db-1", stateOK, "took 1s", noon}},
		},
		text: &textPage{title: "a return", text: "db-1:\n    True\n"},
	}
}

// screenOf is a model that has looked once.
func screenOf(f *fixed) *model {
	m := newModel(f, "master")
	m.Update(tea.WindowSizeMsg{Width: 80, Height: 24})
	m.Update(f.looked())
	return m
}

// press types keys, and gives the model what they ask for.
func press(t *testing.T, m *model, keys ...string) (quit bool) {
	t.Helper()
	for _, key := range keys {
		_, cmd := m.Update(keyOf(key))
		if cmd == nil {
			continue
		}
		msg := cmd()
		if _, ok := msg.(tea.QuitMsg); ok {
			return true
		}
		m.Update(msg)
	}
	return false
}

func keyOf(name string) tea.KeyPressMsg {
	codes := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "down": tea.KeyDown, "up": tea.KeyUp, "pgdown": tea.KeyPgDown,
		"end": tea.KeyEnd, "home": tea.KeyHome, "tab": tea.KeyTab, "backspace": tea.KeyBackspace, "left": tea.KeyLeft,
	}
	if code, ok := codes[name]; ok {
		return tea.KeyPressMsg{Code: code}
	}
	if name == "ctrl+c" {
		return tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

func textOf(m *model) string { return ansi.Strip(m.View().Content) }

func mustShow(t *testing.T, m *model, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(textOf(m), w) {
			t.Errorf("%q is not on the screen:\n%s", w, textOf(m))
		}
	}
}

func TestTabs(t *testing.T) {
	m := screenOf(example())
	mustShow(t, m, "[1 minions: 1 up, 1 down, 1 unknown]", ">web-1", " 1m because", " 2d because", "heard 2s ago", "7 events")
	press(t, m, "2")
	mustShow(t, m, "[2 running: 1]", ">20261122115900000002", "1/3")
	if strings.Contains(textOf(m), "test.ping") {
		t.Error("a job that is done is running")
	}
	press(t, m, "tab")
	mustShow(t, m, "[3 jobs]", "running", "done")
	press(t, m, "4")
	mustShow(t, m, "[4 returns]", "db-1", "ok")
	press(t, m, "tab")
	mustShow(t, m, "[1 minions")
	if !press(t, m, "q") || !press(t, m, "ctrl+c") {
		t.Error("q and ctrl+c end it")
	}
}

// The screen says what it is not: current.
func TestOrigin(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*fixed, *model)
		want   string
	}{
		{"never", func(f *fixed, _ *model) { f.snap.known = jobcache.Status{} }, "STALE: no subscriber has been connected"},
		{"gone", func(f *fixed, _ *model) {
			f.snap.known.Listening, f.snap.known.Heartbeat = false, noon.Add(-3*time.Hour)
		}, "STALE: no subscriber listens since "},
		{"waiting", func(f *fixed, _ *model) { f.snap.known.Waiting = 5 }, "NOT WHOLE: 5 events wait"},
		{"error", func(f *fixed, _ *model) { f.err = errors.New("a\x1bb") }, `STALE, of 0s ago: a\x1bb`},
		{"error at once", func(f *fixed, m *model) { f.err, m.snap = errors.New("no store"), nil }, "NOTHING KNOWN: no store"},
		{"holes", func(f *fixed, _ *model) {
			f.snap.known.Holes = []jobcache.Hole{{}, {Start: noon, Until: noon, Reason: jobcache.Disconnected}}
		}, "NOT WHOLE: events are missing "},
		{"much to read", func(f *fixed, _ *model) { f.snap.read = noon.Add(-20 * time.Second) }, "heard 2s ago, this is of 20s ago"},
		{"keys", func(f *fixed, _ *model) { f.snap.problem = "the accepted keys" }, "the accepted keys"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := example()
			m := screenOf(f)
			c.change(f, m)
			m.Update(f.looked())
			mustShow(t, m, c.want)
		})
	}
	m := screenOf(example())
	m.Update(tickMsg(noon.Add(time.Minute))) // a look that does not end
	mustShow(t, m, "STALE: the job cache takes long to answer; this is of 1m ago")
}

func TestFilter(t *testing.T) {
	m := screenOf(example())
	press(t, m, "/", "W", "e", "b")
	mustShow(t, m, "filter: Web█", "web-1", "web-2")
	if strings.Contains(textOf(m), "db-1") {
		t.Error("the filter lets db-1 in")
	}
	press(t, m, "-", "2", "q") // a key like any other
	mustShow(t, m, "none of 3 matches")
	press(t, m, "backspace", "enter")
	mustShow(t, m, `filter "Web-2": 1 of 3`)
	m.Update(tea.PasteMsg{Content: "nothing is typed"})
	mustShow(t, m, `filter "Web-2": 1 of 3`)
	press(t, m, "esc")
	mustShow(t, m, "db-1")
	press(t, m, "/", "x", "esc")
	mustShow(t, m, "db-1")
}

func TestDrillDown(t *testing.T) {
	m := screenOf(example())
	press(t, m, "3", "enter")
	mustShow(t, m, "job 20261122115900000002  1/3 returned", "down", "because", "took 1s")
	press(t, m, "enter")
	mustShow(t, m, "web-1 has not returned; it is down: because")
	press(t, m, "down", "enter")
	mustShow(t, m, "a return", "    True")
	press(t, m, "esc")
	mustShow(t, m, "job 20261122115900000002", ">db-1")
	press(t, m, "left")
	mustShow(t, m, "[3 jobs]")
	press(t, m, "1", "enter")
	mustShow(t, m, "minion web-1", "because", "none of it among the newest")
	press(t, m, "4", "enter")
	mustShow(t, m, "a return")

	f := example()
	f.err = errors.New("no such\x07 job")
	m = screenOf(example())
	m.from = f
	press(t, m, "3", "enter")
	mustShow(t, m, `no such\x07 job`, "[3 jobs]")
}

// An answer that comes when the user has gone on changes nothing.
func TestLateAnswers(t *testing.T) {
	m := screenOf(example())
	press(t, m, "3")
	_, cmd := m.Update(keyOf("enter"))
	mustShow(t, m, "reading …")
	press(t, m, "1")
	m.Update(cmd())
	mustShow(t, m, "[1 minions")

	press(t, m, "3", "enter", "down")
	_, cmd = m.Update(keyOf("enter"))
	press(t, m, "esc")
	m.Update(cmd())
	mustShow(t, m, "[3 jobs]")
}

// The cursor stays on what it was on when rows come and go; at the top it stays at the top.
func TestCursorStays(t *testing.T) {
	f := example()
	m := screenOf(f)
	press(t, m, "3", "down")
	next := *f.snap
	next.jobs = append([]job{{jid: "20261122115900000003", fun: "test.version", asked: 1}}, f.snap.jobs...)
	f.snap = &next
	m.Update(f.looked())
	mustShow(t, m, ">20261122115900000001")
	press(t, m, "home")
	again := next
	again.jobs = append([]job{{jid: "20261122115900000004", fun: "test.version", asked: 1}}, next.jobs...)
	f.snap = &again
	m.Update(f.looked())
	mustShow(t, m, ">20261122115900000004")
}

// Whatever comes in whatever order: the screen has the terminal's size, and nothing in it
// obeys what minions sent.
func TestScreenFits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.SampledFrom([]rune("ab 界é\x1b[2J\r\n\t\u009b\u202e\u200d👩")))
		f := example()
		for range rapid.IntRange(0, 60).Draw(t, "minions") {
			f.snap.minions = append(f.snap.minions, minionOf(text.Draw(t, "id"), jobcache.Up, noon))
		}
		f.snap.jobs[0].tgt = visible(text.Draw(t, "tgt"))
		f.page.minions[1].id = text.Draw(t, "part")
		f.text.text = text.Draw(t, "text")
		m := screenOf(f)
		keys := []string{"1", "2", "3", "4", "enter", "esc", "up", "down", "pgdown", "end", "home", "/", "a", "backspace", "tab", "界"}
		for range rapid.IntRange(0, 30).Draw(t, "steps") {
			switch rapid.IntRange(0, 4).Draw(t, "step") {
			case 0:
				m.Update(tea.WindowSizeMsg{Width: rapid.IntRange(1, 200).Draw(t, "width"), Height: rapid.IntRange(1, 60).Draw(t, "height")})
			case 1:
				m.Update(f.looked())
			default:
				if _, cmd := m.Update(keyOf(rapid.SampledFrom(keys).Draw(t, "key"))); cmd != nil {
					m.Update(cmd())
				}
			}
			if why := misfit(m); why != "" {
				t.Fatal(why)
			}
		}
	})
}

// misfit says what is wrong with a screen.
func misfit(m *model) string {
	lines := strings.Split(textOf(m), "\n")
	if len(lines) != m.height {
		return fmt.Sprintf("%d lines in %d:\n%s", len(lines), m.height, textOf(m))
	}
	for _, line := range lines {
		if w := ansi.StringWidth(line); w > m.width {
			return fmt.Sprintf("a line of %d columns in %d: %q", w, m.width, line)
		}
		if visible(line) != line {
			return fmt.Sprintf("a line that moves the cursor: %q", line)
		}
	}
	return ""
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 59 * time.Second: "59s", time.Minute: "1m", 59*time.Minute + 59*time.Second: "59m",
		47 * time.Hour: "47h", 48 * time.Hour: "2d", 1000 * 24 * time.Hour: "1000d",
	} {
		if got := age(noon, noon.Add(-d)); got != want {
			t.Errorf("%v: %s, not %s", d, got, want)
		}
	}
	if got := age(noon, time.Time{}); got != "-" {
		t.Errorf("never: %s", got)
	}
}

func FuzzVisible(f *testing.F) {
	for _, s := range []string{"web-1", "\x1b[2J", "\u009b2J", "a\xffb", "\ufffd", "\u202e", "\t\r\n", "界"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v := visible(s)
		if v != visible(v) {
			t.Errorf("%q is shown as %q, and that as %q", s, v, visible(v))
		}
		if ansi.Strip(v) != v {
			t.Errorf("%q has an escape sequence left: %q", s, v)
		}
		for _, line := range fold(s, 10) {
			if ansi.StringWidth(line) > 10 || visible(line) != line {
				t.Errorf("%q folds into %q", s, line)
			}
		}
	})
}
