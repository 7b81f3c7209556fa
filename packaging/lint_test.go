package packaging

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestLintian has Debian's own checker look at the debs: what it finds is mended, or stands in
// lintian-overrides with its reason.
func TestLintian(t *testing.T) {
	out, err := exec.Command(tool(t, "lintian"), append([]string{"--allow-root", "--fail-on=error,warning"}, made(t, "gorun_*.deb")...)...).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestRPM has the rpms' checksums tried, and compares what is in them with the debs; that of this
// machine is installed below a root of its own, verified and removed.
func TestRPM(t *testing.T) {
	rpm := tool(t, "rpm")
	run := func(args ...string) []string {
		t.Helper()
		out, err := exec.Command(rpm, args...).CombinedOutput()
		if err != nil {
			t.Fatalf("rpm %q: %v\n%s", args, err, out)
		}
		return strings.Split(strings.TrimSpace(string(out)), "\n")
	}
	for arch, deb := range map[string]string{"x86_64": "amd64", "aarch64": "arm64"} {
		file := made(t, "gorun-*."+arch+".rpm")[0]
		run("-K", "--nosignature", file)
		if got := run("-qp", "--qf", "%{NAME} %{ARCH} %{OS}", file); got[0] != "gorun "+arch+" linux" {
			t.Errorf("%s: %s", file, got)
		}
		want := filesOf(t, made(t, "gorun_*_"+deb+".deb")[0])
		got := run("-qpl", file)
		for i := range got {
			got[i] = strings.Replace(got[i], "/zsh/site-functions/", "/zsh/vendor-completions/", 1)
		}
		want = slices.DeleteFunc(want, func(name string) bool { return strings.Contains(name, "/lintian/") })
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s has %q, the deb %q", file, got, want)
		}
	}
	if os.Geteuid() != 0 {
		t.Skip("NOT DONE: to install the rpm, be root")
	}
	root := t.TempDir()
	// The scripts need a shell below that root; what they do is tried with the deb.
	here := []string{"--root=" + root, "--dbpath=/var/lib/rpm"}
	with := func(args ...string) { t.Helper(); run(append(slices.Clone(here), args...)...) }
	with("--initdb")
	with("-i", "--force-debian", "--nodeps", "--noscripts", "--ignorearch", made(t, "gorun-*.x86_64.rpm")[0])
	with("-V", "gorun", "--nodeps")
	binary := filepath.Join(root, "usr/bin/gorun")
	if info, err := os.Stat(binary); err != nil || info.Mode().Perm() != 0o755 {
		t.Errorf("%v, %v", info, err)
	}
	with("-e", "--force-debian", "--noscripts", "gorun")
	if _, err := os.Stat(binary); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the program is left behind: %v", err)
	}
}

// filesOf lists the files of a deb, sorted.
func filesOf(t *testing.T, deb string) []string {
	t.Helper()
	out, err := exec.Command(tool(t, "dpkg-deb"), "-c", deb).Output()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range bytes.Lines(out) {
		if fields := bytes.Fields(line); fields[0][0] == '-' {
			names = append(names, strings.TrimPrefix(string(fields[len(fields)-1]), "."))
		}
	}
	slices.Sort(names)
	return names
}

// made are the packages of a pattern; without them there is nothing to test.
func made(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("../dist", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("NOT DONE: make packages first")
	}
	return files
}

func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	return path
}
