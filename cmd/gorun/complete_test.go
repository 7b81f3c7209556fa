package main

import (
	"bytes"
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
		{"cache ", []string{"info", "repair", "check", "minions"}},
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

// shell is one of the shells, and an environment in which it finds this program as gorun.
func shell(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	bin := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(bin, "gorun")); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "HOME="+bin, "TERM=dumb")
	cmd.Dir = "../../packaging/completions"
	return cmd
}

// What bash makes of it, in a shell of its own.
func TestBashCompletion(t *testing.T) {
	dir := completionMaster(t)
	for line, want := range map[string]string{
		"gorun subs":                          "subscribe",
		"gorun -c DIR jobs.lookup_jid ":       "20261122073829000002|20261122073829000001|jid=|",
		"gorun -c DIR manage.up tgt=m":        "m1|m2|m3",
		"gorun -c DIR manage.up --out=newl":   "newline_values_only",
		"gorun -c DIR --log-file /no/such/x ": "subscribe|",
	} {
		cmd := shell(t, "bash", "--norc", "-c", `source ./gorun.bash; COMP_LINE=$1; COMP_POINT=${#1}; compopt() { :; }; _gorun; IFS="|"; echo "${COMPREPLY[*]}"`,
			"bash", strings.ReplaceAll(line, "DIR", dir))
		out, err := cmd.CombinedOutput()
		if got := string(bytes.TrimSpace(out)); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, %v; wanted %q", line, got, err, want)
		}
	}
}

func TestFishCompletion(t *testing.T) {
	dir := completionMaster(t)
	for line, want := range map[string]string{
		"gorun subs":                      "subscribe\t",
		"gorun -c DIR jobs.lookup_jid 2":  "20261122073829000001\t",
		"gorun -c DIR manage.up tgt=m":    "tgt=m1\tan accepted minion\ntgt=m2\tan accepted minion\ntgt=m3\tan accepted minion",
		"gorun -c DIR manage.up --out=ya": "--out=yaml\t",
		"gorun --log-file gorun.fi":       "gorun.fish", // a file, where gorun knows no word
	} {
		cmd := shell(t, "fish", "--no-config", "-c", "source ./gorun.fish; complete -C "+`"`+strings.ReplaceAll(line, "DIR", dir)+`"`)
		out, err := cmd.CombinedOutput()
		if got := string(bytes.TrimSpace(out)); err != nil || !strings.HasPrefix(got, want) {
			t.Errorf("%q: %q, %v; wanted %q", line, got, err, want)
		}
	}
}

// zsh completes in its line editor alone: one is started on a terminal of zsh's own, and what it
// would run after the tab is printed.
func TestZshCompletion(t *testing.T) {
	dir := completionMaster(t)
	for line, want := range map[string]string{
		"gorun subs": "subscribe",
		"gorun -c DIR jobs.list_jobs search_f\ts": "-c|DIR|jobs.list_jobs|search_function=state.apply", // no space behind =
		"gorun -c DIR jobs.lookup_jid 2\t\t":      "-c|DIR|jobs.lookup_jid|20261122073829000002",
		"gorun -c DIR manage.up --out=ya":         "-c|DIR|manage.up|--out=yaml",
		"gorun -c DIR manage.up --log-file _gor":  "-c|DIR|manage.up|--log-file|_gorun", // a file
	} {
		const script = `zmodload zsh/zpty
zpty z "exec zsh -f -i"
zpty -w z 'PS1=; setopt menu_complete; autoload -Uz compinit; fpath=($PWD $fpath); compinit -u -D'
zpty -w z 'gorun() { [[ $1 == complete ]] && command gorun "$@" || print -r -- "ran <${(j:|:)@}>" }; print rea""dy'
zpty -r z x "*ready*"
zpty -n -w z "$1"$'\t\n'
zpty -r z x "*ran <*>*"
print -r -- "$x"`
		cmd := shell(t, "zsh", "-f", "-c", script, "zsh", strings.ReplaceAll(line, "DIR", dir))
		out, err := cmd.CombinedOutput()
		if want := "ran <" + strings.ReplaceAll(want, "DIR", dir) + ">"; err != nil || !bytes.Contains(out, []byte(want)) {
			t.Errorf("%q: %q, %v; wanted %q", line, out, err, want)
		}
	}
}
