package output

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorun/value"
)

// A recording is what one release of Salt printed: see testdata/output/record.py.
type recording struct {
	Salt     string
	Theme    map[string]string
	Values   map[string]string // base64 of msgpack
	Repeated map[string][2]any // a text and how many times it stands in the value
	Cases    []recordedCase
}

type recordedCase struct {
	Value, Out   string
	Opts         map[string]any
	Want, SHA256 string
	Raised       bool // salt-run ends in a traceback; want is nested's text
}

// TestRecorded compares with what real Salts printed, byte for byte.
func TestRecorded(t *testing.T) {
	files, err := filepath.Glob("../testdata/output/*.json.gz")
	if err != nil || len(files) < 2 {
		t.Fatalf("recordings: %v, %v", files, err)
	}
	for _, file := range files {
		rec := readRecording(t, file)
		if len(rec.Cases) == 0 {
			t.Errorf("%s: no cases", file)
		}
		t.Run(rec.Salt, rec.test)
	}
}

func readRecording(t *testing.T, name string) (rec recording) {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	data, err := gzip.NewReader(file)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	decoder := json.NewDecoder(data)
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rec); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return rec
}

func (rec *recording) test(t *testing.T) {
	values := rec.decode(t)
	for i, c := range rec.Cases {
		v, ok := values[c.Value]
		if !ok {
			t.Fatalf("case %d: no value %q", i, c.Value)
		}
		name := c.Out
		if c.Out != "" && c.Out != "text" && c.Out != "nosuch" && !known(name) {
			t.Fatalf("case %d: no outputter %q", i, name)
		}
		got := printed(t, name, v, saltOptions(t, c.Opts, rec.Theme))
		if c.SHA256 != "" {
			sum := sha256.Sum256([]byte(got))
			if hex.EncodeToString(sum[:]) != c.SHA256 {
				t.Errorf("%s by %q %v: %d bytes, which are not Salt's", c.Value, c.Out, c.Opts, len(got))
			}
			continue
		}
		if got != c.Want {
			t.Errorf("%s by %q %v: %s", c.Value, c.Out, c.Opts, difference(got, c.Want))
		}
	}
}

func known(name string) bool {
	for _, out := range outputters {
		if out.Name == name {
			return true
		}
	}
	return false
}

func (rec *recording) decode(t *testing.T) map[string]value.Value {
	values := map[string]value.Value{}
	for name, packed := range rec.Values {
		data, err := base64.StdEncoding.DecodeString(packed)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if values[name], err = value.Decode(data); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	for name, r := range rec.Repeated {
		text := strings.Repeat(r[0].(string), int(r[1].(float64)))
		values["repeated/"+name] = value.NewMap("minion", text)
	}
	return values
}

// printed is what Print writes, without the newline behind it.
func printed(t testing.TB, name string, v value.Value, o *Options) string {
	t.Helper()
	var b strings.Builder
	if err := Print(&b, name, v, o); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	if b.Len() == 0 {
		return ""
	}
	text, ok := strings.CutSuffix(b.String(), "\n")
	if !ok || text == "" {
		t.Fatalf("%s: %q does not end in one newline", name, b.String())
	}
	return text
}

// difference names the first line in which two texts are not the same.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is\n%.300q, Salt has\n%.300q", i+1, g[i], w[i])
		}
	}
	return fmt.Sprintf("%d lines, Salt has %d", len(g), len(w))
}

// saltOptions gives Salt's options as this package's, above the defaults.
func saltOptions(t testing.TB, opts map[string]any, theme map[string]string) *Options {
	o := DefaultOptions()
	texts := map[string]*string{
		"state_output": &o.StateOutput, "out.table.rows_key": &o.Table.RowsKey,
		"out.table.labels_key": &o.Table.LabelsKey, "out.table.title": &o.Table.Title,
		"out.table.row_delimiter": &o.Table.RowDelimiter, "out.table.delim": &o.Table.Delim,
		"out.table.justify": &o.Table.Justify, "out.table.prefix": &o.Table.Prefix,
		"out.table.suffix": &o.Table.Suffix,
	}
	switches := map[string]*bool{
		"color": &o.Color, "strip_colors": &o.StripColors, "state_verbose": &o.StateVerbose,
		"state_output_diff": &o.StateOutputDiff, "state_output_profile": &o.StateOutputProfile,
		"state_output_pct": &o.StateOutputPct, "state_compress_ids": &o.StateCompressIDs,
		"state_tabular": &o.StateTabular, "out.table.has_header": &o.Table.HasHeader,
		"out.table.separate_rows": &o.Table.SeparateRows,
	}
	numbers := map[string]*int{
		"nested_indent": &o.NestedIndent, "out.table.nested_indent": &o.Table.NestedIndent,
		"out.table.width": &o.Table.Width,
	}
	for key, val := range opts {
		text, isText := val.(string)
		on, isSwitch := val.(bool)
		number, isNumber := val.(float64)
		switch {
		case key == "output_indent":
			o.HasIndent, o.Indent = true, val
			if isNumber {
				o.Indent = int64(number)
			}
		case key == "color" && isText:
			o.Color, o.OneColor = true, text
		case key == "color_theme":
			o.ColorTheme = theme
		case key == "state_tabular" && isText:
			o.StateTabularFormat = text
		case key == "state_output_exclude":
			o.StateOutputExclude = strings.Split(text, ",")
		case key == "state_output_terse":
			o.StateOutputTerse = strings.Split(text, ",")
		case isText && texts[key] != nil:
			*texts[key] = text
		case isSwitch && switches[key] != nil:
			*switches[key] = on
		case isNumber && numbers[key] != nil:
			*numbers[key] = int(number)
		default:
			t.Fatalf("unknown option %s: %v", key, val)
		}
	}
	return o
}
