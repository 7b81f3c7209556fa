package output

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"gorun/value"
)

// TableOptions are the settings of the table outputter, those that start with
// out.table. [DefaultOptions] gives Salt's defaults; an empty text is empty.
type TableOptions struct {
	NestedIndent int // columns to the left
	// RowsKey and LabelsKey show the rows under that key alone, with the labels under
	// that one beside it.
	RowsKey, LabelsKey string
	Title              string // shown where RowsKey is set
	RowDelimiter       string // what the line between two rows is made of
	Delim              string // between two columns
	Justify            string // center, left or right
	Prefix, Suffix     string // of a row
	Width              int    // of a column, in characters
	HasHeader          bool   // sets off the labels, where SeparateRows is off
	SeparateRows       bool   // by a line
}

func defaultTable() TableOptions {
	return TableOptions{
		RowDelimiter: "-",
		Delim:        " | ",
		Justify:      "center",
		Prefix:       "| ",
		Suffix:       " |",
		Width:        50,
		HasHeader:    true,
		SeparateRows: true,
	}
}

// errTable is returned where rows, columns and labels do not make a table.
var errTable = errors.New("no table can be made of this")

// printTable follows salt.output.table_out: every list found is a table, of one row
// an element.
func printTable(w *writer, v value.Value, o *Options) error {
	if o.Table.RowsKey+o.Table.LabelsKey != "" && hasRows(v) { // whether one of them has it decides of all
		return errWhole
	}
	v, err := decode(v)
	if err != nil {
		return err
	}
	t := &table{TableOptions: o.Table, w: w, colors: newPalette(o)}
	indent := o.Table.NestedIndent
	if o.Table.Title != "" && t.RowsKey != "" {
		// Salt confuses the text and its colour here.
		t.line(indent, o.Table.Title, t.colors.white, "\n")
	}
	return t.display(v, indent)
}

type table struct {
	TableOptions
	w      *writer
	colors *palette
}

// justified gives what fills a cell up to the width of its column.
func (t *table) justified() (func(s string, columns int) string, error) {
	switch strings.ToLower(t.Justify) {
	case "center":
		return center, nil
	case "left":
		return func(s string, columns int) string { return s + pad(columns-width(s)) }, nil
	case "right":
		return right, nil
	}
	return nil, missingError(t.Justify)
}

func pad(n int) string { return strings.Repeat(" ", max(n, 0)) }

// center is Python's str.center, which puts an odd blank to the left in an odd width.
func center(s string, columns int) string {
	n := columns - width(s)
	if n <= 0 {
		return s
	}
	left := n/2 + n&columns&1
	return pad(left) + s + pad(n-left)
}

func (t *table) line(indent int, color, text, suffix string) {
	t.w.spaces(indent)
	t.w.str(color)
	t.w.str(text)
	t.w.str(t.colors.end)
	t.w.str(suffix)
	t.w.byte('\n')
	t.w.full()
}

// display looks for tables in v and in what is below it.
func (t *table) display(v value.Value, indent int) error {
	switch v := v.(type) {
	case value.List:
		if t.RowsKey == "" {
			return t.rows(v, nil, indent)
		}
	case *value.Map:
		return t.mapping(v, indent)
	case value.Rows:
		return t.w.rows(v, func(key string, val value.Value) error {
			val, err := decode(val)
			if err != nil {
				return err
			}
			return t.mapping(value.NewMap(key, val), indent)
		})
	}
	return nil
}

func (t *table) mapping(m *value.Map, indent int) error {
	entries := append([]value.Entry(nil), m.Entries...)
	if !sortEntries(entries) {
		return errKeyOrder
	}
	_, here := m.Get(t.RowsKey)
	for _, e := range entries {
		below := indent + 4
		switch {
		case t.RowsKey == "":
			t.line(indent, t.colors.darkGray, str(e.Key), ":")
			t.line(indent, t.colors.darkGray, "----------", "")
		case !here:
			below = indent // deeper down, perhaps
		case !value.Equal(e.Key, t.RowsKey):
			continue
		}
		var err error
		if rows, ok := e.Val.(value.List); ok && (here || t.RowsKey == "") {
			var labels value.Value
			if t.LabelsKey != "" {
				labels, _ = m.Get(t.LabelsKey)
			}
			err = t.rows(rows, labels, indent)
		} else {
			err = t.display(e.Val, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rows writes one table. Rows of more than one type are none, as in Salt.
func (t *table) rows(rows value.List, labels value.Value, indent int) error {
	if len(rows) == 0 {
		return nil
	}
	kind := typeName(rows[0])
	for _, row := range rows {
		if typeName(row) != kind {
			return nil
		}
	}
	cells := make([][]string, 0, len(rows)+1)
	head, err := header(labels, rows[0])
	if err != nil {
		return err
	}
	if head != nil {
		cells = append(cells, head)
	}
	for _, row := range rows {
		c, err := rowCells(row)
		if err != nil {
			return err
		}
		cells = append(cells, c)
	}
	return t.write(cells, indent+4, head != nil && t.HasHeader)
}

// header gives the labels above the columns, nil for none. Those of rows that are
// maps are the keys of the first.
func header(labels, first value.Value) ([]string, error) {
	if m, ok := labels.(*value.Map); ok {
		entries := append([]value.Entry(nil), m.Entries...)
		if !sortEntries(entries) {
			return nil, errKeyOrder
		}
		l := make(value.List, len(entries))
		for i, e := range entries {
			l[i] = e.Val
		}
		labels = l
	}
	if s, ok := labels.(string); ok && s != "" {
		return strings.Split(s, ""), nil // a column a character, in Python
	}
	if value.Truth(labels) {
		return rowCells(labels)
	}
	m, ok := first.(*value.Map)
	if !ok {
		return nil, nil
	}
	entries := append([]value.Entry(nil), m.Entries...)
	if !sortEntries(entries) {
		return nil, errKeyOrder
	}
	var head []string
	for _, e := range entries {
		head = append(head, title(strings.ReplaceAll(str(e.Key), "_", " ")))
	}
	return head, nil
}

// rowCells gives the cells of one row: the values of a map in the order of its keys,
// the elements of a list, which must be text, or one text.
func rowCells(row value.Value) ([]string, error) {
	var cells []string
	switch row := row.(type) {
	case string:
		return []string{row}, nil
	case *value.Map:
		entries := append([]value.Entry(nil), row.Entries...)
		if !sortEntries(entries) {
			return nil, errKeyOrder
		}
		for _, e := range entries {
			cells = append(cells, str(e.Val))
		}
		return cells, nil
	case value.List:
		for _, cell := range row {
			s, ok := cell.(string)
			if !ok {
				return nil, errTable
			}
			cells = append(cells, s)
		}
		return cells, nil
	}
	return nil, errTable
}

// write prints rows of cells, of which the first is set off where it is a header.
// All rows are as short as the shortest: Salt cuts them so since Python 3.
func (t *table) write(rows [][]string, indent int, header bool) error {
	logical := make([][][]string, len(rows))
	var widths []int
	for i, row := range rows {
		if len(row) == 0 {
			return errTable
		}
		if widths == nil || len(row) < len(widths) {
			widths = make([]int, len(row))
		}
		logical[i] = t.physical(row)
	}
	for _, lines := range logical {
		for _, line := range lines {
			for c := range widths {
				widths[c] = max(widths[c], width(line[c]))
			}
		}
	}
	justified, err := t.justified()
	if err != nil {
		return err
	}
	length := width(t.Prefix) + width(t.Suffix) + width(t.Delim)*(len(widths)-1)
	for _, n := range widths {
		length += n
	}
	separator := strings.Repeat(t.RowDelimiter, max(length, 0))
	if t.SeparateRows {
		t.line(indent, t.colors.lightGray, separator, "")
	}
	for _, lines := range logical {
		for _, line := range lines {
			cells := make([]string, len(widths))
			for c := range cells {
				cells[c] = justified(line[c], widths[c])
			}
			t.line(indent, t.colors.white, t.Prefix+strings.Join(cells, t.Delim)+t.Suffix, "")
		}
		if t.SeparateRows || header {
			t.line(indent, t.colors.lightGray, separator, "")
			header = false
		}
	}
	return nil
}

// physical gives the lines that one row takes once its cells are wrapped: as many as
// the cell with the fewest has, for the reason given at write.
func (t *table) physical(row []string) [][]string {
	var lines [][]string
	for c, cell := range row {
		parts := strings.Split(t.wrap(cell), "\n")
		if c == 0 {
			lines = make([][]string, len(parts))
		}
		lines = lines[:min(len(lines), len(parts))]
		for i := range lines {
			lines[i] = append(lines[i], parts[i])
		}
	}
	return lines
}

// wrap breaks text between words where a line would reach the width of a column.
func (t *table) wrap(text string) string {
	var b strings.Builder
	column := 0
	for i, word := range strings.Split(text, " ") {
		first, _, _ := strings.Cut(word, "\n")
		if i > 0 {
			if column+width(first) >= t.Width {
				b.WriteByte('\n')
				column = 0
			} else {
				b.WriteByte(' ')
				column++
			}
		}
		b.WriteString(word)
		if n := strings.LastIndexByte(word, '\n'); n >= 0 {
			column = width(word[n+1:])
		} else {
			column += width(word)
		}
	}
	return b.String()
}

// title is Python's str.title: a capital at the start of every run of letters.
func title(s string) string {
	b := make([]byte, 0, len(s))
	inside := false
	for _, r := range s {
		switch {
		case !inside:
			r = unicode.ToTitle(r)
		default:
			r = unicode.ToLower(r)
		}
		b = utf8.AppendRune(b, r)
		inside = unicode.IsLower(r) || unicode.IsUpper(r) || unicode.IsTitle(r)
	}
	return string(b)
}
