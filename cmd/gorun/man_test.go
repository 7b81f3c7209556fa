package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"

	"gorun/output"
	"gorun/runners"
)

// The man page is made of the program's own help. This renews it:
//
//	GORUN_UPDATE_DOCS=1 go test ./cmd/gorun -run Man
func TestMan(t *testing.T) {
	const page = "../../docs/gorun.1"
	want := manPage(new(program).app())
	if os.Getenv("GORUN_UPDATE_DOCS") != "" {
		if err := os.WriteFile(page, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/gorun.1 is not fresh: GORUN_UPDATE_DOCS=1 go test ./cmd/gorun -run Man")
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	out, err := exec.Command(groff, "-man", "-Tutf8", "-ww", "-z", page).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("groff: %v\n%s", err, out)
	}
}

// manPage writes the page in the macros of man(7).
func manPage(app *cli.App) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH GORUN 1 "" "gorun" "Salt"`)
	line(".SH NAME\ngorun \\- %s", roff(app.Usage))
	line(".SH SYNOPSIS\n.nf\n%s\n.fi", roff(app.UsageText))
	line(".SH DESCRIPTION\n%s", paragraphs(app.Description))
	line(".SH COMMANDS")
	for _, c := range app.Commands {
		writeCommand(line, c.Name, c)
	}
	line(".SH OPTIONS\nThe options of salt\\-run mean what they mean there.")
	writeFlags(line, app.Flags)
	line(".SH OUTPUTTERS")
	for _, out := range output.All() {
		line(".TP\n.B %s\n%s", roff(out.Name), roff(out.Help))
	}
	line(".SH FUNCTIONS\nTheir whole help: gorun \\-d.")
	for _, f := range runners.All() {
		var params []string
		for _, param := range f.Params {
			params = append(params, param.Name)
		}
		line(".TP\n.BI %q \" %s\"\n%s", roff(f.Name), roff(strings.Join(params, " ")), roff(firstLine(f.Doc)))
	}
	line(".SH FILES\n.TP\n.I /etc/salt/master\nThe master's configuration; gorun's own settings stand under the key gorun, as in master.d/gorun.conf.")
	line(".TP\n.I <cachedir>/gorun/jobs.db\nThe job cache.")
	line(".SH SEE ALSO\n.BR salt\\-run (1)")
	return b.String()
}

func writeCommand(line func(string, ...any), name string, c *cli.Command) {
	if c.Hidden {
		return
	}
	line(".SS gorun %s\n%s", roff(name), roff(c.Usage))
	if c.Description != "" {
		line(".PP\n%s", paragraphs(c.Description))
	}
	writeFlags(line, c.Flags)
	for _, sub := range c.Subcommands {
		writeCommand(line, name+" "+sub.Name, sub)
	}
}

func writeFlags(line func(string, ...any), flags []cli.Flag) {
	for _, flag := range flags {
		doc, ok := flag.(cli.DocGenerationFlag)
		if visible, can := flag.(cli.VisibleFlag); !ok || can && !visible.IsVisible() {
			continue
		}
		// The usage names the value in back quotes.
		usage := doc.GetUsage()
		_, rest, quoted := strings.Cut(usage, "`")
		operand, _, _ := strings.Cut(rest, "`")
		var names []string
		for _, name := range flag.Names() {
			names = append(names, dashed(name))
		}
		head := strings.Join(names, ", ")
		if quoted {
			head += " " + operand
		}
		line(".TP\n.B %s\n%s", roff(head), roff(strings.ReplaceAll(usage, "`", "")))
	}
}

// roff keeps text from being read as a request.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "…", "...", "\n.", "\n\\&.").Replace(text)
	if strings.HasPrefix(text, ".") {
		return `\&` + text
	}
	return text
}

// paragraphs are parted by empty lines.
func paragraphs(text string) string {
	return strings.ReplaceAll(roff(strings.TrimSpace(text)), "\n\n", "\n.PP\n")
}
