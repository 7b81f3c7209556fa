package output

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"gorun/value"
)

// profileName is how many characters of a state's name profile shows.
const profileName = 60

// printProfile follows salt.output.profile: a table of the states of all minions,
// shortest first.
func printProfile(w *writer, v value.Value, o *Options) error {
	var rows []profileRow
	add := func(_ string, host value.Value) error {
		states, ok := host.(*value.Map)
		if !ok {
			return errNotMap
		}
		for _, state := range states.Entries {
			row, err := newProfileRow(str(state.Key), state.Val)
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	}
	switch v := v.(type) {
	case value.Rows:
		if err := w.rows(v, add); err != nil {
			return err
		}
	case *value.Map:
		for _, host := range v.Entries {
			if err := add("", host.Val); err != nil {
				return err
			}
		}
	default:
		return errNotMap
	}
	slices.SortStableFunc(rows, func(a, b profileRow) int {
		return cmp.Or(cmp.Compare(a.duration, b.duration), cmp.Compare(a.name, b.name), cmp.Compare(a.fun, b.fun))
	})
	columns := len("duration (ms)")
	for _, row := range rows {
		columns = max(columns, len(row.text()))
	}
	list := make(value.List, len(rows))
	for i, row := range rows {
		duration := row.text()
		list[i] = value.List{row.name, row.fun, pad(columns-len(duration)) + duration}
	}
	sub := *o
	sub.Table.RowsKey, sub.Table.LabelsKey = "rows", "labels"
	labels := value.List{"name", "mod.fun", "duration (ms)"}
	return printTable(w, value.NewMap("labels", labels, "rows", list), &sub)
}

type profileRow struct {
	duration  float64 // milliseconds
	name, fun string
}

func (r profileRow) text() string { return strconv.FormatFloat(r.duration, 'f', 4, 64) }

func newProfileRow(id string, v value.Value) (profileRow, error) {
	parts := strings.Split(id, "_|-")
	row := profileRow{fun: parts[0] + "." + parts[len(parts)-1], duration: -1, name: id}
	m, ok := v.(*value.Map)
	if !ok {
		row.name = cutName(id)
		return row, nil
	}
	if d, ok := m.Get("duration"); ok {
		var err error
		if row.duration, err = number(d); err != nil {
			return row, err
		}
	}
	name, ok := m.Get("name")
	if !ok {
		name, _ = m.Get("__id__")
	}
	switch name := name.(type) {
	case nil:
		row.name = "<>"
	case string:
		row.name = cutName(name)
	default:
		return row, errTable
	}
	return row, nil
}

func cutName(name string) string {
	if r := []rune(name); len(r) > profileName {
		return string(r[:profileName-3]) + "..."
	}
	return name
}
