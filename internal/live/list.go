package live

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// row is a line of a list.
type row struct {
	key   string // the same from one look to the next
	cells []string
	tone  tone
}

// tone is how a row is meant.
type tone int

const (
	toneNone tone = iota
	toneGood
	toneBad
	toneBusy
)

// column is the head of a column; width 0 shares what the others leave.
type column struct {
	title string
	width int
	right bool
}

// list is rows with a cursor and a filter.
type list struct {
	columns []column
	all     []row
	rows    []row // those that the filter leaves
	cursor  int
	top     int
	filter  string
	typing  bool // the filter
}

// set puts new rows in the place of the old ones. The cursor stays on what it was on; at the
// top it stays at the top, where what is new comes in.
func (l *list) set(rows []row) {
	here, moved := l.current()
	moved = moved && l.cursor > 0
	l.all = rows
	l.apply()
	if i := slices.IndexFunc(l.rows, func(r row) bool { return r.key == here.key }); moved && i >= 0 {
		l.cursor = i
	}
}

func (l *list) current() (row, bool) {
	if l.cursor < len(l.rows) {
		return l.rows[l.cursor], true
	}
	return row{}, false
}

func (l *list) setFilter(text string) {
	l.filter = text
	l.cursor, l.top = 0, 0
	l.apply()
}

// apply leaves the rows that have each word of the filter in a cell.
func (l *list) apply() {
	wanted := strings.Fields(strings.ToLower(l.filter))
	l.rows = l.all
	if len(wanted) > 0 {
		l.rows = nil
		for _, r := range l.all {
			if r.has(wanted) {
				l.rows = append(l.rows, r)
			}
		}
	}
	l.cursor = max(0, min(l.cursor, len(l.rows)-1))
}

func (r row) has(wanted []string) bool {
	text := strings.ToLower(strings.Join(r.cells, "\x00"))
	for _, word := range wanted {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}

// typed takes a key while the filter is being typed.
func (l *list) typed(name, text string) {
	switch {
	case name == "enter":
		l.typing = false
	case name == "esc":
		l.typing = false
		l.setFilter("")
	case name == "backspace":
		_, size := utf8.DecodeLastRuneInString(l.filter)
		l.setFilter(l.filter[:len(l.filter)-size])
	case name == "ctrl+u":
		l.setFilter("")
	case text != "":
		l.setFilter(l.filter + visible(text))
	}
}

// move moves the cursor; page is how many rows are seen.
func (l *list) move(name string, page int) {
	l.cursor = max(0, min(step(name, l.cursor, page), len(l.rows)-1))
}

// window is the part of the rows that is seen.
func (l *list) window(page int) []row {
	l.top = max(0, min(l.top, l.cursor, len(l.rows)-page))
	l.top = max(l.top, l.cursor-page+1)
	return l.rows[l.top:min(l.top+page, len(l.rows))]
}
