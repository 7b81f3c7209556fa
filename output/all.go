package output

// An Outputter is one entry of the table of outputters.
type Outputter struct {
	Name string
	Help string // one line
	// Dropped is the Salt release since which it is gone from Salt, where nested is
	// printed in its stead; empty for those that Salt 3008 has.
	Dropped string
	print   printer
	rows    rowsWhere // where it can have them; elsewhere they are collected
	// sorts tells whether it puts the keys of a map in order; nil: it does not.
	sorts func(*Options) bool
}

// outputters is the table of all of them: those of Salt 3008, then those that gorun
// keeps for the sake of older ones.
var outputters = []Outputter{
	{Name: "nested", Help: "an indented outline, keys in order (the default)", print: printNested, rows: anywhere, sorts: always},
	{Name: "highstate", Help: "the states of a run and their summary", print: printHighstate, rows: outermost},
	{Name: "json", Help: "JSON, laid out by --out-indent", print: printJSON, rows: anywhere, sorts: sortedJSON},
	{Name: "yaml", Help: "YAML in block style, laid out by --out-indent", print: printYAML, rows: anywhere, sorts: always},
	{Name: "pprint", Help: "Python's pretty-printed form", print: printPprint, rows: anywhere, sorts: always},
	{Name: "raw", Help: "Python's plain form, in one line", print: printRaw, rows: anywhere},
	{Name: "txt", Help: "one \"key: line\" for each line of each value (also: text)", print: printTxt, rows: anywhere},
	{Name: "key", Help: "minion keys by status, as salt-key lists them", print: printKey, rows: outermost, sorts: always},
	{Name: "table", Help: "each list as a table, one row an element", print: printTable, rows: anywhere, sorts: always},
	{Name: "no_return", Help: "minions that did not return, in red", print: printNoReturn, rows: anywhere, sorts: always},

	{Name: "newline_values_only", Help: "values without their keys, one a line", Dropped: "3008", print: printNewlineValues, rows: outermost},
	{Name: "profile", Help: "states and how long each took, as a table", Dropped: "3008", print: printProfile, rows: outermost},
	{Name: "virt_query", Help: "the answer of virt.query", Dropped: "3008", print: printVirtQuery},
	{Name: "overstatestage", Help: "the stages of an overstate", Dropped: "3008", print: printOverstate, rows: outermost},
	{Name: "quiet", Help: "nothing", Dropped: "3008", print: printQuiet, rows: outermost},
	{Name: "compact", Help: "highstate, of states that changed or failed", Dropped: "2015.5", print: printCompact},
}

func always(*Options) bool { return true }

// All returns every outputter, in the order of their table.
func All() []Outputter { return append([]Outputter(nil), outputters...) }

// Names returns the names of all outputters.
func Names() []string {
	names := make([]string, len(outputters))
	for i, out := range outputters {
		names[i] = out.Name
	}
	return names
}
