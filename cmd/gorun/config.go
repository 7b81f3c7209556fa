package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"gorun/internal/master"
	"gorun/jobcache"
	"gorun/output"
	"gorun/value"
)

// storePath is where the job cache of the configured master lies.
func storePath(conf *master.Config) string {
	return filepath.Join(conf.CacheDir, "gorun", jobcache.File)
}

// logger writes to stderr, one line a fact, and with --log-file to that file as well. The
// file is left open until the process ends.
func (p *program) logger(c *cli.Context) (*slog.Logger, error) {
	level, err := logLevel(c.String("log-level"))
	if err != nil {
		return nil, err
	}
	console := slog.NewTextHandler(p.stderr, &slog.HandlerOptions{Level: level})
	name := c.String("log-file")
	if name == "" {
		return slog.New(console), nil
	}
	if level, err = logLevel(c.String("log-file-level")); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--log-file: %w", err)
	}
	file := slog.NewTextHandler(f, &slog.HandlerOptions{Level: level})
	return slog.New(slog.NewMultiHandler(console, file)), nil
}

// logLevel knows Salt's names of levels.
func logLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "all", "garbage", "trace", "debug", "profile":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	case "critical", "quiet":
		return slog.LevelError + 1, nil
	}
	return 0, fmt.Errorf("%w: no log level %s", errUsage, name)
}

// load reads the master's configuration and tells what is odd in it.
func (p *program) load(c *cli.Context, log *slog.Logger) (*master.Config, error) {
	conf, err := master.Load(c.String("config-dir"))
	if err != nil {
		return nil, err
	}
	for _, n := range conf.Notices {
		log.Log(c.Context, n.Level, n.Text)
	}
	return conf, nil
}

// outputOptions weighs the options against the configuration, as salt.output does.
func (p *program) outputOptions(c *cli.Context, conf *master.Config, log *slog.Logger) (*output.Options, error) {
	_, hasIndent := conf.Get("output_indent")
	tabularFormat, _ := conf.StateTabular.(string)
	o := &output.Options{
		Color:              p.color(c, conf),
		StripColors:        conf.StripColors,
		Table:              tableOptions(conf),
		HasIndent:          hasIndent,
		Indent:             conf.OutputIndent,
		NestedIndent:       conf.NestedIndent,
		StateOutput:        conf.StateOutput,
		StateVerbose:       conf.StateVerbose,
		StateOutputDiff:    conf.StateOutputDiff,
		StateOutputProfile: conf.StateOutputProfile,
		StateOutputPct:     conf.StateOutputPct,
		StateCompressIDs:   conf.StateCompressIDs,
		StateTabular:       value.Truth(conf.StateTabular),
		StateTabularFormat: tabularFormat,
		StateOutputExclude: words(conf.StateOutputExclude),
		StateOutputTerse:   words(conf.StateOutputTerse),
		Log:                log,
	}
	if t, ok := p.stdout.(*terminal); ok && c.String("out-file") == "" {
		o.CSI = t.csi
	}
	if text := c.String("out-indent"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%w: --out-indent is no number: %s", errUsage, text)
		}
		o.HasIndent, o.Indent = true, n
	}
	if text := c.String("state-output"); text != "" {
		o.StateOutput = text
	}
	if text := c.String("state-verbose"); text != "" {
		o.StateVerbose = strings.EqualFold(text, "true")
	}
	theme, err := colorTheme(conf.ColorTheme)
	if err != nil {
		log.Warn("color_theme cannot be used", "error", err)
	}
	o.ColorTheme = theme
	if name, ok := conf.Color.(string); ok && !c.Bool("force-color") { // which is color: True
		o.OneColor = name
	}
	return o, nil
}

// tableOptions are the settings out.table.*, above the defaults.
func tableOptions(conf *master.Config) output.TableOptions {
	o := output.DefaultOptions().Table
	for name, to := range map[string]any{
		"rows_key": &o.RowsKey, "labels_key": &o.LabelsKey, "title": &o.Title, "row_delimiter": &o.RowDelimiter,
		"delim": &o.Delim, "justify": &o.Justify, "prefix": &o.Prefix, "suffix": &o.Suffix,
		"nested_indent": &o.NestedIndent, "width": &o.Width, "has_header": &o.HasHeader, "separate_rows": &o.SeparateRows,
	} {
		v, _ := conf.Get("out.table." + name)
		if v == nil {
			continue
		}
		switch to := to.(type) {
		case *string:
			*to = fmt.Sprint(v)
		case *int:
			if n, ok := v.(int64); ok {
				*to = int(n)
			}
		case *bool:
			*to = value.Truth(v)
		}
	}
	return o
}

// words makes a list of a setting that is text with commas or a list.
func words(v value.Value) []string {
	var out []string
	switch v := v.(type) {
	case string:
		for _, w := range strings.Split(v, ",") {
			out = append(out, strings.TrimSpace(w))
		}
	case value.List:
		for _, e := range v {
			out = append(out, fmt.Sprint(e))
		}
	}
	return out
}

// colorTheme reads the file that the setting of that name points to: colours and the
// parameters of their escape sequences.
func colorTheme(path string) (map[string]string, error) {
	if path == "" {
		return nil, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v, err := value.FromYAML(data)
	if err != nil {
		return nil, err
	}
	m, ok := v.(*value.Map)
	if !ok {
		return nil, value.ErrNotMap
	}
	theme := make(map[string]string, m.Len())
	for _, e := range m.Entries {
		theme[fmt.Sprint(e.Key)] = fmt.Sprint(e.Val)
	}
	return theme, nil
}

// color decides as salt.output.get_printout does; NO_COLOR is taken for --no-color.
func (p *program) color(c *cli.Context, conf *master.Config) bool {
	switch {
	case c.Bool("force-color"):
		return true
	case c.Bool("no-color"), os.Getenv("NO_COLOR") != "":
		return false
	case conf.Color != nil:
		return value.Truth(conf.Color)
	}
	_, ok := p.stdout.(*terminal)
	return ok
}
