package live

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// tab is one of the four lists.
type tab int

const (
	tabMinions tab = iota
	tabRunning
	tabJobs
	tabReturns
	tabs // how many
)

// source is where the pages come from; *looker, or a test's.
type source interface {
	look() (next *snapshot, changed bool, err error)
	openJob(j job) (*jobPage, error)
	openReturn(jid, minion string) (*textPage, error)
}

// The messages that looks end in. The pages carry what was asked for: an answer that comes
// when the user has gone on is dropped.
type (
	tickMsg   time.Time
	lookedMsg struct {
		next    *snapshot
		changed bool
		err     error
	}
	jobMsg struct {
		jid  string
		page *jobPage
		err  error
	}
	textMsg struct {
		jid, minion string
		page        *textPage
		err         error
	}
)

// model is the whole screen.
type model struct {
	from          source
	title         string
	width, height int
	now           time.Time
	snap          *snapshot // nil until the first look
	err           error     // of the last look
	looking       bool

	tab    tab
	lists  [tabs]list
	job    *jobPage // over the tab, if open
	inJob  list
	text   *textPage // over both, if open
	lines  []string  // of text, as wide as the screen
	scroll int
	// wanted is what was asked for and is still being read.
	wantedJob, wantedMinion string
	wantText                bool
	said                    string // why a page could not be opened
}

func newModel(from source, title string) *model {
	return &model{from: from, title: visible(title), width: 80, height: 24, now: time.Now()}
}

func (m *model) Init() tea.Cmd {
	m.looking = true
	return tea.Batch(m.look(), tick())
}

func tick() tea.Cmd { return tea.Tick(every, func(t time.Time) tea.Msg { return tickMsg(t) }) }

func (m *model) look() tea.Cmd {
	return func() tea.Msg {
		next, changed, err := m.from.look()
		return lookedMsg{next, changed, err}
	}
}

// Update takes what has happened.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	var cmd tea.Cmd
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.fold()
	case tickMsg:
		m.now = time.Time(msg)
		cmd = tick()
		if !m.looking {
			m.looking = true
			cmd = tea.Batch(cmd, m.look())
		}
	case lookedMsg:
		cmd = m.looked(msg)
	case jobMsg:
		m.showJob(msg)
	case textMsg:
		m.showText(msg)
	case tea.PasteMsg:
		if l := m.list(); l != nil && l.typing {
			l.setFilter(l.filter + visible(msg.Content))
		}
	case tea.KeyPressMsg:
		cmd = m.key(msg)
	}
	return m, cmd
}

func (m *model) looked(msg lookedMsg) tea.Cmd {
	m.looking = false
	if m.err = msg.err; msg.err != nil {
		return nil
	}
	m.snap = msg.next
	m.now = msg.next.at
	m.fill()
	if msg.changed && m.job != nil {
		return m.readJob(m.job.job)
	}
	return nil
}

func (m *model) readJob(j job) tea.Cmd {
	return func() tea.Msg {
		page, err := m.from.openJob(j)
		return jobMsg{j.jid, page, err}
	}
}

func (m *model) showJob(msg jobMsg) {
	open := m.job != nil && m.job.job.jid == msg.jid
	if !open && m.wantedJob != msg.jid {
		return
	}
	m.wantedJob = ""
	if msg.err != nil {
		m.said = visible(msg.err.Error())
		return
	}
	if !open {
		m.inJob = list{columns: jobColumns}
	}
	m.job = msg.page
	m.fill()
}

func (m *model) showText(msg textMsg) {
	if !m.wantText || m.wantedJob != msg.jid || m.wantedMinion != msg.minion {
		return
	}
	m.wantText, m.wantedJob, m.wantedMinion = false, "", ""
	if msg.err != nil {
		m.said = visible(msg.err.Error())
		return
	}
	m.text, m.scroll = msg.page, 0
	m.fold()
}

// list is what the cursor moves in, nil above a text.
func (m *model) list() *list {
	switch {
	case m.text != nil:
		return nil
	case m.job != nil:
		return &m.inJob
	}
	return &m.lists[m.tab]
}

// key does what a key is for.
func (m *model) key(msg tea.KeyPressMsg) tea.Cmd {
	name := msg.String()
	m.said = ""
	l := m.list()
	if name == "ctrl+c" {
		return tea.Quit
	}
	if l != nil && l.typing {
		l.typed(name, msg.Text)
		return nil
	}
	switch name {
	case "q":
		return tea.Quit
	case "ctrl+z":
		return tea.Suspend
	case "esc", "left", "backspace", "h":
		m.back()
		return nil
	}
	switch {
	case len(name) == 1 && '1' <= name[0] && name[0] <= '4':
		m.show(tab(name[0] - '1'))
	case name == "tab":
		m.show((m.tab + 1) % tabs)
	case name == "shift+tab":
		m.show((m.tab + tabs - 1) % tabs)
	case l == nil:
		m.scrolled(name)
	case name == "/":
		l.typing = true
	case name == "enter" || name == "right" || name == "l":
		return m.open()
	default:
		l.move(name, m.body())
	}
	return nil
}

// show goes to a tab.
func (m *model) show(t tab) {
	m.tab, m.job, m.text = t, nil, nil
	m.wantedJob, m.wantText = "", false
	m.fill()
}

// back closes what is open, or takes the filter away.
func (m *model) back() {
	m.wantedJob, m.wantText = "", false
	switch {
	case m.text != nil:
		m.text, m.lines = nil, nil
	case m.list().filter != "":
		m.list().setFilter("")
	case m.job != nil:
		m.job = nil
	}
	m.fill()
}

// open goes into what the cursor is on.
func (m *model) open() tea.Cmd {
	row, ok := m.list().current()
	if !ok || m.snap == nil {
		return nil
	}
	switch {
	case m.job != nil:
		for _, p := range m.job.minions {
			if p.id == row.key && !p.returned() {
				m.said = visible(fmt.Sprintf("%s has not returned; it is %s: %s", p.id, p.state, p.why))
				return nil
			}
		}
		return m.readReturn(m.job.job.jid, row.key)
	case m.tab == tabMinions:
		for _, mn := range m.snap.minions {
			if mn.ID == row.key {
				m.text, m.scroll = openMinion(mn, m.snap), 0
				m.fold()
			}
		}
	case m.tab == tabReturns:
		jid, minion, _ := strings.Cut(row.key, "/")
		return m.readReturn(jid, minion)
	default:
		for _, j := range m.snap.jobs {
			if j.jid == row.key {
				m.wantedJob = j.jid
				return m.readJob(j)
			}
		}
	}
	return nil
}

func (m *model) readReturn(jid, minion string) tea.Cmd {
	m.wantText, m.wantedJob, m.wantedMinion = true, jid, minion
	return func() tea.Msg {
		page, err := m.from.openReturn(jid, minion)
		return textMsg{jid, minion, page, err}
	}
}

// fold cuts the text to the screen's width.
func (m *model) fold() {
	if m.text != nil {
		m.lines = fold(m.text.text, m.width)
		m.scrolled("")
	}
}

// scrolled moves in a text.
func (m *model) scrolled(name string) {
	m.scroll = step(name, m.scroll, m.body())
	m.scroll = max(0, min(m.scroll, len(m.lines)-m.body()))
}

// step is where a key leads from a position.
func step(name string, at, page int) int {
	switch name {
	case "up", "k", "ctrl+p":
		return at - 1
	case "down", "j", "ctrl+n":
		return at + 1
	case "pgup", "ctrl+b", "b":
		return at - page
	case "pgdown", "ctrl+f", "space", "f":
		return at + page
	case "home", "g":
		return 0
	case "end", "G":
		return 1 << 30
	}
	return at
}
