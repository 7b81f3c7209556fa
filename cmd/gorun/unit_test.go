package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// systemd itself reads the unit, and finds what it may do small enough.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	unit, err := os.ReadFile("../../packaging/gorun.service")
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(unit)) {
		if !strings.HasPrefix(line, "Documentation=") { // a page that is not installed here
			lines = append(lines, strings.ReplaceAll(line, "/usr/bin/gorun", self))
		}
	}
	path := filepath.Join(t.TempDir(), "gorun.service")
	if err := os.WriteFile(path, []byte(strings.Join(lines, "")), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"verify", path}, {"security", "--no-pager", "--offline=true", "--threshold=30", path}} {
		out, err := exec.Command(analyze, args...).CombinedOutput()
		if err != nil || args[0] == "verify" && len(out) > 0 {
			t.Errorf("systemd-analyze %s: %v\n%s", args[0], err, out)
		}
	}
}
