package runners_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"gorun/runners"
)

// docs/runners.md is made of the functions' own help. This renews it:
//
//	GORUN_UPDATE_DOCS=1 go test ./runners -run Docs
func TestDocs(t *testing.T) {
	const page = "../docs/runners.md"
	want := reference()
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
		t.Error("docs/runners.md is not fresh: GORUN_UPDATE_DOCS=1 go test ./runners -run Docs")
	}
}

func reference() string {
	var b strings.Builder
	b.WriteString("# The functions\n\nMade of `gorun -d`; the order of the parameters is Salt's.\n")
	for _, f := range runners.All() {
		params := make([]string, len(f.Params))
		for i, p := range f.Params {
			params[i] = parameter(p)
		}
		fmt.Fprintf(&b, "\n## %s\n\n`%s(%s)`\n\n```text\n%s\n```\n", f.Name, f.Name, strings.Join(params, ", "), strings.TrimSpace(f.Doc))
	}
	return b.String()
}

// parameter writes a parameter as Python would.
func parameter(p runners.Param) string {
	switch {
	case p.Required:
		return p.Name
	case p.Default == nil:
		return p.Name + "=None"
	case p.Default == true:
		return p.Name + "=True"
	case p.Default == false:
		return p.Name + "=False"
	}
	if s, ok := p.Default.(string); ok {
		return fmt.Sprintf("%s='%s'", p.Name, s)
	}
	return fmt.Sprintf("%s=%v", p.Name, p.Default)
}

// Every function explains each of its parameters, and names one that it can be called by.
func TestHelp(t *testing.T) {
	all := runners.All()
	if len(all) == 0 {
		t.Fatal("no functions")
	}
	streamed := []string{"jobs.watch", "state.event"}
	for i, f := range all {
		if i > 0 && all[i-1].Name >= f.Name {
			t.Errorf("%s stands behind %s", f.Name, all[i-1].Name)
		}
		if (f.Run == nil) != slices.Contains(streamed, f.Name) || !strings.Contains(f.Name, ".") || strings.TrimSpace(f.Doc) == "" {
			t.Errorf("%s lacks something", f.Name)
		}
		if found, ok := runners.Lookup(f.Name); !ok || found != f {
			t.Errorf("%s is not found by its name", f.Name)
		}
		for _, p := range f.Params {
			if p.Name != "display_progress" && p.Name != "output" && !strings.Contains(f.Doc, p.Name) {
				t.Errorf("%s: the help does not explain %s", f.Name, p.Name)
			}
		}
	}
}
