package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/jobcache"
	"gorun/value"
)

// completionMaster has three minions, some whose ids are for no shell, and two jobs.
func completionMaster(t *testing.T) (configDir string) {
	t.Helper()
	root := shortDir(t)
	if err := makeMaster(root); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"$(reboot)", "`id`", "a b", "x;y", "new\nline"} {
		if err := os.WriteFile(filepath.Join(root, "etc/pki/master/minions", id), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var frames [][]byte
	for jid, fun := range map[string]string{"20261122073829000001": "state.apply", "20261122073829000002": "$(x)\x1b.y"} {
		frames = append(frames, eventtest.Frame("salt/job/"+jid+"/new", value.NewMap("jid", jid, "fun", fun, "tgt", "*",
			"minions", value.List{"m1"}, "_stamp", "2026-11-22T07:38:29.000000"), event.FormStream))
	}
	stop, err := feed(filepath.Join(root, "cache/gorun", jobcache.File), func() [][]byte { return frames })
	if err != nil {
		t.Fatal(err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "etc")
}

func TestCompletion(t *testing.T) {
	dir := completionMaster(t)
	tests := []struct {
		line string // as typed, without gorun -c dir
		want []string
	}{
		{"sub", []string{"subscribe"}},
		{"comp", nil}, // is for shells
		{"jobs.list_jobs", []string{"jobs.list_jobs", "jobs.list_jobs_filter"}},
		{"cache ", []string{"info", "repair", "minions"}},
		{"cache in", []string{"info"}},
		{"check returns --win", []string{"--window"}},
		{"--out=ye", nil},
		{"--out=ya", []string{"--out=yaml"}},
		{"--out y", []string{"yaml"}},
		{"--log-level=q", []string{"--log-level=quiet"}},
		{"--out-f", []string{"--out-file", "--out-file-append"}},
		{"jobs.lookup_jid 2", []string{"20261122073829000002", "20261122073829000001"}},
		{"jobs.lookup_jid jid=", []string{"jid=20261122073829000002", "jid=20261122073829000001"}},
		{"jobs.list_jobs search_function=s", []string{"search_function=state.apply"}},
		{"jobs.list_jobs search_function=", []string{"search_function=state.apply"}},
		{"manage.up tg", []string{"tgt=", "tgt_type="}},
		{"manage.up tgt=", []string{"tgt=m1", "tgt=m2", "tgt=m3"}},
		{"manage.up tgt_type=n", []string{"tgt_type=nodegroup"}},
		{"manage.up --out=json tgt=m2", []string{"tgt=m2"}},
	}
	for _, test := range tests {
		words := append([]string{"-c", dir}, strings.Split(test.line, " ")...)
		var got []string
		for _, c := range completion(t.Context(), new(program).app(), words) {
			got = append(got, c.text)
			if strings.ContainsFunc(c.about, func(r rune) bool { return r < ' ' }) {
				t.Errorf("%q: %q", c.text, c.about)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%q: %q, wanted %q", test.line, got, test.want)
		}
	}
}

// What bash makes of it, in a shell of its own; the others at least read their files.
func TestBashCompletion(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	dir := completionMaster(t)
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "gorun")); err != nil {
		t.Fatal(err)
	}
	script, err := filepath.Abs("../../packaging/completions/gorun.bash")
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"gorun subs":                          "subscribe",
		"gorun -c DIR jobs.lookup_jid ":       "20261122073829000002|20261122073829000001|jid=|",
		"gorun -c DIR manage.up tgt=m":        "m1|m2|m3",
		"gorun -c DIR manage.up --out=newl":   "newline_values_only",
		"gorun -c DIR --log-file /no/such/x ": "subscribe|",
	} {
		cmd := exec.Command(bash, "--norc", "-c", `source "$1"; COMP_LINE=$2; COMP_POINT=${#2}; compopt() { :; }; _gorun; IFS="|"; echo "${COMPREPLY[*]}"`,
			"bash", script, strings.ReplaceAll(line, "DIR", dir))
		cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		if got := string(bytes.TrimSpace(out)); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, %v; wanted %q", line, got, err, want)
		}
	}
	for shell, args := range map[string][]string{"zsh": {"-n", "_gorun"}, "fish": {"--no-execute", "gorun.fish"}, "bash": {"-n", "gorun.bash"}} {
		cmd := exec.Command(shell, args...)
		cmd.Dir = filepath.Dir(script)
		if out, err := cmd.CombinedOutput(); errors.Is(err, exec.ErrNotFound) {
			t.Logf("NOT DONE: %v", err)
		} else if err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
}
