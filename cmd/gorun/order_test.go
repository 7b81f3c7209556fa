package main

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
	"pgregory.net/rapid"
)

// orderApp has options of each kind, and a command with a command of its own.
func orderApp() *cli.App {
	return &cli.App{
		HideHelpCommand: true,
		Action:          func(*cli.Context) error { return nil },
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "config-dir", Aliases: []string{"c"}},
			&cli.BoolFlag{Name: "doc", Aliases: []string{"d", "documentation"}},
			&cli.StringFlag{Name: "out", Aliases: []string{"output"}},
			&cli.IntFlag{Name: "out-indent"},
			&cli.BoolFlag{Name: "no-color"},
			&cli.StringFlag{Name: "no-parse"},
			&cli.StringFlag{Name: "log-level", Aliases: []string{"l"}},
		},
		Commands: []*cli.Command{{
			Name:        "cache",
			Flags:       []cli.Flag{&cli.BoolFlag{Name: "all", Aliases: []string{"a"}}, &cli.StringFlag{Name: "log-file", Aliases: []string{"c"}}},
			Subcommands: []*cli.Command{{Name: "info", Flags: []cli.Flag{&cli.IntFlag{Name: "wait"}}}},
		}},
	}
}

func TestArrange(t *testing.T) {
	tests := []struct{ line, want string }{
		{"", ""},
		{"manage.up", "-- manage.up"},
		{"manage.up --out json", "--out=json -- manage.up"},
		{"manage.up --out=json tgt=x", "--out=json -- manage.up tgt=x"},
		{"--output json manage.up", "--out=json -- manage.up"},
		{"jobs.list_job -c DIR 1 -d", "--config-dir=DIR --doc -- jobs.list_job 1"},
		{"-cDIR f", "--config-dir=DIR -- f"},
		{"-c=DIR f", "--config-dir==DIR -- f"},
		{"-dl debug f", "--doc --log-level=debug -- f"},
		{"-dldebug f", "--doc --log-level=debug -- f"},
		{"-c -d f", "--config-dir=-d -- f"},
		{"--out -1 f", "--out=-1 -- f"},
		{"--out= f", "--out= -- f"},
		{"--out=a=b f", "--out=a=b -- f"},
		{"--no-c f", "--no-color -- f"},
		{"--conf DIR f", "--config-dir=DIR -- f"},
		{"--out-i 4 f", "--out-indent=4 -- f"},
		{"--doc f", "--doc -- f"},
		{"f -- --out json -1", "-- f --out json -1"},
		{"-- --out", "-- --out"},
		{"f - a", "-- f - a"},
		{"f --out json --out yaml", "--out=json --out=yaml -- f"},
		{"--help", "--help"},
		{"-h", "--help"},
		{"cache info", "cache info"},
		{"cache --all info -d --wait 3 x", "--doc cache --all info --wait=3 -- x"},
		{"-c DIR cache -c FILE", "--config-dir=DIR cache --log-file=FILE"},
		{"cache --help", "cache --help"},
		{"f cache --out x", "--out=x -- f cache"},
		{"-- cache", "-- cache"},
	}
	for _, test := range tests {
		got, err := arrange(strings.Fields(test.line), orderApp())
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %q, %v; want %s", test.line, got, err, test.want)
		}
	}
}

// The texts are those of Python's optparse.
func TestArrangeRefuses(t *testing.T) {
	tests := []struct{ line, want string }{
		{"f --colour", "no such option: --colour"},
		{"f --colour=x", "no such option: --colour"},
		{"f -1", "no such option: -1"},
		{"f -dx", "no such option: -x"},
		{"f --c", "--config-dir option requires 1 argument"},
		{"f --no=1", "ambiguous option: --no (--no-color, --no-parse?)"},
		{"f --outp-x", "no such option: --outp-x"},
		{"f --no-color=1", "--no-color option does not take a value"},
		{"f --no-col=1", "--no-color option does not take a value"},
		{"f --out", "--out option requires 1 argument"},
		{"f -c", "-c option requires 1 argument"},
		{"f -dc", "-c option requires 1 argument"},
		{"--all cache", "no such option: --all"},
	}
	for _, test := range tests {
		if _, err := arrange(strings.Fields(test.line), orderApp()); !errors.Is(err, errUsage) || !strings.HasSuffix(err.Error(), ": "+test.want) {
			t.Errorf("%s: %v; want %s", test.line, err, test.want)
		}
	}
}

// Whatever the line, urfave/cli reads what arrange made of it, and finds the arguments
// in their order; an arranged line is in order.
func TestArrangedLineIsRead(t *testing.T) {
	word := rapid.SampledFrom([]string{
		"f", "k=v", "k=-1", "-", "--", "--out", "--out=json", "-c", "-cDIR", "-d", "-dl", "--no-color", "--no-c", "--doc", "x y", "", "--out-indent=3", "é",
	})
	rapid.Check(t, func(t *rapid.T) {
		args := rapid.SliceOf(word).Draw(t, "args")
		line, err := arrange(args, orderApp())
		if err != nil {
			return
		}
		again, err := arrange(line, orderApp())
		if err != nil || !reflect.DeepEqual(line, again) {
			t.Fatalf("%q, arranged again %q, %v", line, again, err)
		}
		app := orderApp()
		var got []string
		app.Action = func(c *cli.Context) error {
			got = c.Args().Slice()
			return nil
		}
		if err := app.Run(append([]string{"gorun"}, line...)); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		var want []string
		for i, w := range line {
			if w == "--" {
				want = line[i+1:]
				break
			}
		}
		if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
			t.Fatalf("%q: arguments %q, want %q", line, got, want)
		}
	})
}
