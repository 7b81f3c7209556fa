package live

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"gorun/runners"
)

// The lines around the body of a page: two of header, the tabs, the columns; the keys.
const (
	above = 4
	below = 1
)

// body is how many lines of the screen are a list's or a text's.
func (m *model) body() int { return max(1, m.height-above-below) }

var jobColumns = []column{{"MINION", 26, false}, {"STATE", 10, false}, {"AGE", 4, true}, {"", 0, false}}

var columns = [tabs][]column{
	tabMinions: {{"MINION", 26, false}, {"STATE", 7, false}, {"AGE", 4, true}, {"WHY", 0, false}},
	tabRunning: {{"JID", 20, false}, {"FUNCTION", 0, false}, {"TARGET", 0, false}, {"AGE", 4, true}, {"RETURNED", 11, true}, {"AT IT", 6, true}},
	tabJobs:    {{"JID", 20, false}, {"FUNCTION", 0, false}, {"TARGET", 0, false}, {"AGE", 4, true}, {"RETURNED", 11, true}, {"STATE", 10, false}},
	tabReturns: {{"MINION", 0, false}, {"FUNCTION", 0, false}, {"RESULT", 10, false}, {"AGE", 4, true}, {"JID", 20, false}},
}

// fill makes the rows of what is seen.
func (m *model) fill() {
	if m.snap == nil {
		return
	}
	l := &m.lists[m.tab]
	l.columns = columns[m.tab]
	l.set(m.rows())
	if m.job != nil {
		m.inJob.set(m.partRows())
	}
}

func (m *model) rows() (rows []row) {
	s := m.snap
	switch m.tab {
	case tabMinions:
		for _, mn := range s.minions {
			rows = append(rows, row{mn.ID, []string{visible(mn.ID), mn.State.String(), age(s.at, mn.Since), visible(mn.Why)}, toneOf(mn.State.String())})
		}
	case tabRunning:
		for _, j := range s.jobs {
			if j.running > 0 {
				rows = append(rows, row{j.jid, append(jobCells(j, s.at), fmt.Sprint(j.running)), toneNone})
			}
		}
	case tabJobs:
		for _, j := range s.jobs {
			rows = append(rows, row{j.jid, append(jobCells(j, s.at), j.state()), toneOf(j.state())})
		}
	case tabReturns:
		for _, r := range s.returns {
			rows = append(rows, row{r.jid + "/" + r.minion, []string{visible(r.minion), r.fun, r.state, age(s.at, r.at), visible(r.jid)}, toneOf(r.state)})
		}
	}
	return rows
}

func jobCells(j job, now time.Time) []string {
	return []string{visible(j.jid), j.call(), j.tgt, age(now, j.began), j.progress()}
}

func (m *model) partRows() (rows []row) {
	for _, p := range m.job.minions {
		rows = append(rows, row{p.id, []string{visible(p.id), p.state, age(m.snap.at, p.at), visible(p.why)}, toneOf(p.state)})
	}
	return rows
}

func toneOf(state string) tone {
	switch state {
	case "up", "done", stateOK:
		return toneGood
	case stateFailed, stateUnreadable, "incomplete", "no return",
		string(runners.Down), string(runners.Silent), string(runners.Gone):
		return toneBad
	case "running", string(runners.Working):
		return toneBusy
	}
	return toneNone
}

var (
	styleBold = ansi.Style{}.Bold()
	styleDim  = ansi.Style{}.Faint()
	styleHere = ansi.Style{}.Reverse(true)
	styleWarn = ansi.Style{}.Bold().Reverse(true)
	styles    = [...]ansi.Style{
		toneGood: ansi.Style{}.ForegroundColor(ansi.Green),
		toneBad:  ansi.Style{}.ForegroundColor(ansi.Red),
		toneBusy: ansi.Style{}.ForegroundColor(ansi.Yellow),
	}
)

// View draws the screen.
func (m *model) View() tea.View {
	lines := []string{m.header(), m.origin(), m.heading()}
	switch {
	case m.text != nil:
		lines = append(lines, "")
		lines = append(lines, m.lines[m.scroll:min(m.scroll+m.body(), len(m.lines))]...)
	default:
		lines = append(lines, m.listLines()...)
	}
	for len(lines) < m.height-below {
		lines = append(lines, "")
	}
	lines = append(lines[:max(0, min(len(lines), m.height-below))], m.keys())
	for i, line := range lines {
		lines[i] = ansi.Truncate(line, m.width, "") // a terminal may be narrower than any of it
	}
	view := tea.NewView(strings.Join(lines, "\n"))
	view.AltScreen = true
	return view
}

// header says what is looked at.
func (m *model) header() string {
	name := "gorun live  " + m.title
	if m.snap == nil {
		return styleBold.Styled(fit(name, m.width, false))
	}
	events := fmt.Sprintf("%d events", m.snap.known.Events)
	return styleBold.Styled(fit(name, m.width-len(events)-1, false)) + " " + events
}

// origin says where the screen comes from and whether that is the present.
func (m *model) origin() string {
	text, good := m.state()
	if good {
		return styleDim.Styled(fit(text, m.width, false))
	}
	return styleWarn.Styled(fit(text, m.width, false))
}

// tooOld is how old a look may be before it is not the present.
const tooOld = 10 * time.Second

func (m *model) state() (text string, good bool) {
	switch {
	case m.err != nil && m.snap == nil:
		return m.because("NOTHING KNOWN: "), false
	case m.err != nil:
		return m.because(fmt.Sprintf("STALE, of %s ago: ", age(m.now, m.snap.at))), false
	case m.snap == nil:
		return "looking into the job cache", true
	case m.now.Sub(m.snap.at) > tooOld:
		return fmt.Sprintf("STALE: the job cache takes long to answer; this is of %s ago", age(m.now, m.snap.at)), false
	}
	known := m.snap.known
	switch {
	case !known.Listening && known.Heartbeat.IsZero():
		return "STALE: no subscriber has been connected to the bus yet: gorun subscribe", false
	case !known.Listening:
		return fmt.Sprintf("STALE: no subscriber listens since %s (%s): gorun subscribe",
			known.Heartbeat.Local().Format("01-02 15:04:05"), age(m.now, known.Heartbeat)), false
	case known.Waiting > 0:
		return fmt.Sprintf("NOT WHOLE: %d events wait for the subscriber to take them in", known.Waiting), false
	case len(known.Holes) > 0:
		text = fmt.Sprintf("NOT WHOLE: events are missing %s", known.Holes[len(known.Holes)-1])
		if more := len(known.Holes) - 1; more > 0 {
			text += fmt.Sprintf(", and %d times before", more)
		}
		return visible(text), false
	case m.snap.problem != "":
		return m.snap.problem, false
	}
	text = "the subscriber listens to the bus, heard " + age(m.now, known.Heartbeat) + " ago"
	if m.now.Sub(m.snap.read) > tooOld { // there is much to read
		text += ", this is of " + age(m.now, m.snap.read) + " ago"
	}
	return text, true
}

// because puts the reason behind what it is of. Where not all of it fits, it is cut at its
// beginning, a path: the end is what matters.
func (m *model) because(what string) string {
	reason := visible(m.err.Error())
	if over := ansi.StringWidth(what+reason) - m.width; over > 0 {
		reason = ansi.TruncateLeft(reason, over+1, "…")
	}
	return what + reason
}

// heading is the tabs, or what is open.
func (m *model) heading() string {
	switch {
	case m.text != nil:
		return fit(styleBold.Styled(m.text.title), m.width, false)
	case m.job != nil:
		j := m.job.job
		title := fmt.Sprintf("job %s  %s returned  %s  on %s  by %s", visible(j.jid), j.progress(), j.call(), j.tgt, j.user)
		return fit(styleBold.Styled(title), m.width, false)
	case m.snap == nil:
		return ""
	}
	up, down, unknown := m.snap.counts()
	names := [tabs]string{
		tabMinions: fmt.Sprintf("1 minions: %d up, %d down, %d unknown", up, down, unknown),
		tabRunning: fmt.Sprintf("2 running: %d", m.snap.running()),
		tabJobs:    "3 jobs", tabReturns: "4 returns",
	}
	for i, name := range names {
		names[i] = " " + name + " "
		if tab(i) == m.tab {
			names[i] = styleHere.Styled("[" + name + "]")
		}
	}
	return fit(strings.Join(names[:], " "), m.width, false)
}

// listLines are the columns and the rows that are seen.
func (m *model) listLines() []string {
	l := m.list()
	widths := divide(l.columns, m.width-1)
	titles := make([]string, len(l.columns))
	for i, c := range l.columns {
		titles[i] = c.title
	}
	lines := []string{styleDim.Styled(fit(" "+line(titles, l.columns, widths), m.width, false))}
	for i, r := range l.window(m.body()) {
		text := line(r.cells, l.columns, widths)
		switch {
		case l.top+i == l.cursor:
			text = styleHere.Styled(">" + text)
		case r.tone != toneNone:
			text = " " + styles[r.tone].Styled(text)
		default:
			text = " " + text
		}
		lines = append(lines, text)
	}
	if len(l.rows) == 0 {
		lines = append(lines, " "+m.nothing(l))
	}
	return lines
}

// nothing says why a list is empty.
func (m *model) nothing(l *list) string {
	switch {
	case m.snap == nil:
		return ""
	case l.filter != "":
		return fmt.Sprintf("none of %d matches", len(l.all))
	case m.job != nil:
		return "nobody was asked, and nobody has returned"
	}
	return [tabs]string{"no minion is accepted", "no job is running", "no job in the cache", "no return in the cache"}[m.tab]
}

// narrowest is the least width of a column; what is too much for the screen is cut off.
const narrowest = 8

// divide gives the columns without a width what the others leave.
func divide(cols []column, width int) []int {
	widths := make([]int, len(cols))
	open := 0
	left := width - (len(cols) - 1)
	for i, c := range cols {
		widths[i] = c.width
		left -= c.width
		if c.width == 0 {
			open++
		}
	}
	for i := range widths {
		if widths[i] == 0 && open > 0 {
			widths[i] = max(narrowest, left/open)
			left -= widths[i]
			open--
		}
	}
	return widths
}

func line(cells []string, cols []column, widths []int) string {
	parts := make([]string, len(cols))
	for i, c := range cols {
		parts[i] = fit(cells[i], widths[i], c.right)
	}
	return strings.Join(parts, " ")
}

// keys is the last line: what the keys do, the filter, or what went wrong.
func (m *model) keys() string {
	l := m.list()
	switch {
	case l != nil && l.typing:
		return fit("filter: "+l.filter+"█", m.width, false)
	case m.said != "":
		return styleWarn.Styled(fit(m.said, m.width, false))
	case m.wantedJob != "":
		return fit("reading …", m.width, false)
	case m.text != nil:
		return styleDim.Styled(fit(fmt.Sprintf("↑↓ PgUp PgDn scroll  esc back  q quit   %d-%d of %d",
			min(m.scroll+1, len(m.lines)), min(m.scroll+m.body(), len(m.lines)), len(m.lines)), m.width, false))
	}
	text := "↑↓ move  enter open  / filter  esc back  1-4 tabs  q quit"
	if l.filter != "" {
		text = fmt.Sprintf("filter %q: %d of %d   esc all", l.filter, len(l.rows), len(l.all))
	} else if n := len(l.rows); n > 0 {
		text += fmt.Sprintf("   %d of %d", l.cursor+1, n)
	}
	return styleDim.Styled(fit(text, m.width, false))
}
