package master

import (
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"gorun/value"
)

// unpack writes an archive's files below a new folder and returns that.
func unpack(t testing.TB, archive *txtar.Archive) string {
	dir := t.TempDir()
	for _, file := range archive.Files {
		path := filepath.Join(dir, file.Name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		text := strings.ReplaceAll(string(file.Data), "$DIR", dir)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// tree unpacks the files of a txtar text, lets the environment say nothing, and
// returns the configuration's folder.
func tree(t testing.TB, text string) string {
	dir := unpack(t, txtar.Parse([]byte(text)))
	quiet(t, dir)
	return filepath.Join(dir, "etc")
}

func quiet(t testing.TB, dir string) {
	t.Setenv("HOME", filepath.Join(dir, "home"))
	for _, name := range []string{"XDG_CONFIG_HOME", "SALT_MASTER_CONFIG", "SALT_CONFIG_DIR", "SALT_CLIENT_CONFIG"} {
		t.Setenv(name, "")
	}
}

// TestLoad reads the trees that testdata/config/record.py had Salt read.
func TestLoad(t *testing.T) {
	files, err := filepath.Glob("../../testdata/config/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no trees: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			last := archive.Files[len(archive.Files)-1]
			if last.Name != "want.json" {
				t.Fatalf("the last file is %s", last.Name)
			}
			dir := unpack(t, archive)
			quiet(t, dir)
			setEnv(t, filepath.Join(dir, "env"))
			var want map[string]any
			if err := json.Unmarshal([]byte(strings.ReplaceAll(string(last.Data), "$DIR", dir)), &want); err != nil {
				t.Fatal(err)
			}
			c, err := Load(filepath.Join(dir, "etc"))
			if want == nil {
				if !errors.Is(err, ErrConfig) {
					t.Fatalf("error %v; Salt ends with one", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, c, want)
		})
	}
}

func setEnv(t *testing.T, file string) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	for line := range strings.Lines(string(data)) {
		name, val, ok := strings.Cut(strings.TrimSpace(line), "=")
		if !ok {
			t.Fatalf("%s: %q", file, line)
		}
		t.Setenv(name, val)
	}
}

func compare(t *testing.T, c *Config, want map[string]any) {
	syndic, id := c.SyndicDir, c.ID()
	token, _ := c.TokenFile()
	settings := append(c.settings(), setting{"syndic_dir", &syndic, nil}, setting{"id", &id, nil}, setting{"token_file", &token, nil})
	for _, s := range settings {
		w, ok := want[s.key]
		delete(want, s.key)
		got := reflect.ValueOf(s.into).Elem()
		switch into := s.into.(type) {
		case *bool:
			if !ok { // Salt has the default where it is used
				w = s.deflt
			}
			if salt := w != nil && w != false && w != ""; *into != salt {
				t.Errorf("%s is %v; Salt has %v", s.key, *into, w)
			}
		case *time.Duration:
			if into.Seconds() != w {
				t.Errorf("%s is %v; Salt has %v", s.key, *into, w)
			}
		default:
			if !ok || w == nil {
				if !got.IsZero() {
					t.Errorf("%s is %v; Salt has none", s.key, got)
				}
				continue
			}
			g, _ := json.Marshal(got.Interface())
			salt, _ := json.Marshal(w)
			if string(g) != string(salt) && string(g) != `"`+string(salt)+`"` {
				t.Errorf("%s is %s; Salt has %s", s.key, g, salt)
			}
		}
	}
	groups, _ := json.Marshal(plain(c.Nodegroups))
	if salt, _ := json.Marshal(want["nodegroups"]); string(groups) != string(salt) {
		t.Errorf("nodegroups are %s; Salt has %s", groups, salt)
	}
	delete(want, "nodegroups")
	for key := range want {
		t.Errorf("the recording has %s, which gorun does not read", key)
	}
}

// plain makes of a value what package json can write.
func plain(v value.Value) any {
	switch v := v.(type) {
	case *value.Map:
		m := map[string]any{}
		for _, e := range v.Entries {
			m[e.Key.(string)] = plain(e.Val)
		}
		return m
	case value.List:
		l := []any{}
		for _, e := range v {
			l = append(l, plain(e))
		}
		return l
	}
	return v
}

// notices returns the texts of a level.
func notices(c *Config, level slog.Level) []string {
	var texts []string
	for _, n := range c.Notices {
		if n.Level == level {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

func TestLoadErrors(t *testing.T) {
	tests := []struct {
		name, tree, want string
	}{
		{"broken", "-- etc/master --\na: 1\nb: 2\n c: 3\n", "etc/master: line 3: mapping values"},
		{"no map", "-- etc/master --\njust text\n", `etc/master: "just text": not a map`},
		{"key twice", "-- etc/master --\na: 1\na: 2\n", "etc/master: line 2: found conflicting ID 'a'"},
		{"a folder", "-- etc/master/x --\n", "etc/master: is a directory"},
		{"an included folder", "-- etc/master --\ninclude: x/*\n-- etc/x/y/z --\n", "etc/x/y: is a directory"},
		{"including itself", "-- etc/master --\ninclude: a.conf\n-- etc/a.conf --\ninclude: a.conf\n", "nested too deep"},
		{"a number included", "-- etc/master --\ninclude: [5]\n", "etc/master: include is 5"},
		{"saltrc", "-- home/.saltrc --\n[\n", "home/.saltrc: line 1: "},
		{"a wrong source", "-- etc/master.d/gorun.conf --\ngorun: {source: guess}\n", `gorun: source is "guess", can be auto, cache, ping`},
		{"a wrong transport", "-- etc/master --\ngorun: {transport: 5}\n", "gorun: transport is 5, can be stream, zmq"},
		{"gorun", "-- etc/master --\ngorun: cache\n", `gorun is "cache", not a map`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Load(tree(t, test.tree))
			if !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestLoadNotices(t *testing.T) {
	c, err := Load(tree(t, `
-- etc/master --
ret_port: many
publish_port: '4600'
timeout: [1]
gather_job_timeout: yes
job_cache: 0
user:
include: none/*.conf
id_function: {x.y: }
gorun: {source: ping, sauce: 1}
-- etc/master.d/a.conf --
x: [1
-- etc/master.d/b.conf --
ret_port: 4700.5
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.RetPort != 4700 || c.PublishPort != 4600 || c.Timeout != 5*time.Second || c.GatherJobTimeout != time.Second || c.JobCache || c.User == "" {
		t.Errorf("got %+v", c)
	}
	if c.Gorun.Source != "ping" || c.Gorun.Transport != "" || c.Gorun.QueueSize != 64<<20 {
		t.Errorf("gorun is %+v", c.Gorun)
	}
	if got := notices(c, slog.LevelError); len(got) != 1 || !strings.Contains(got[0], "a.conf: line 1: ") {
		t.Errorf("errors %q", got)
	}
	want := []string{
		"include " + filepath.Join(c.Dir, "none/*.conf") + " matches no files",
		"setting ret_port is 4700.5, should be integer",
		"setting timeout is a list, not usable: the default stays",
		"setting gather_job_timeout is True, should be number",
		"setting job_cache is 0, should be bool",
		"id_function is Python, which gorun cannot call: a master's id that is not set is made of the host's name",
		`gorun has no setting "sauce"`,
	}
	if got := notices(c, slog.LevelWarn); !reflect.DeepEqual(got, want) {
		t.Errorf("warnings\n%q, want\n%q", got, want)
	}
}

func TestKeepJobs(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
	}{
		{"", 24 * time.Hour},
		{"keep_jobs: 48", 48 * time.Hour},
		{"keep_jobs_seconds: 90", 90 * time.Second},
		{"keep_jobs: 48\nkeep_jobs_seconds: 90", 90 * time.Second},
		{"keep_jobs: 0", 0},
		{"keep_jobs_seconds: 0", 0},
		{"keep_jobs: many", 24 * time.Hour},
		{"keep_jobs_seconds: [1]", 24 * time.Hour},
	}
	for _, test := range tests {
		c, err := Load(tree(t, "-- etc/master --\n"+test.text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if c.KeepJobs != test.want {
			t.Errorf("%q: %v, want %v", test.text, c.KeepJobs, test.want)
		}
	}
}

func TestEventSocket(t *testing.T) {
	tests := []struct {
		text string
		want Socket
	}{
		{"sock_dir: /s", Socket{Path: "/s/master_event_pub.ipc"}},
		{"ipc_mode: tcp\ntcp_master_pub_port: 77", Socket{TCP: "127.0.0.1:77"}},
	}
	for _, test := range tests {
		c, err := Load(tree(t, "-- etc/master --\n"+test.text+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		if got := c.EventSocket(); got != test.want {
			t.Errorf("%q: %+v", test.text, got)
		}
	}
}

// SALT_MASTER_CONFIG and SALT_CONFIG_DIR count for Salt's own folder alone, and only
// if the file is there.
func TestMasterFile(t *testing.T) {
	dir := filepath.Dir(tree(t, "-- a/master --\n-- b/m --\n"))
	tests := []struct{ dir, config, configDir, want string }{
		{systemDir, "", "", systemDir + "/master"},
		{systemDir, dir + "/b/m", dir + "/a", dir + "/b/m"},
		{systemDir, "", dir + "/a", dir + "/a/master"},
		{systemDir, dir + "/none", "", systemDir + "/master"},
		{systemDir, "", dir + "/b", systemDir + "/master"},
		{dir + "/c", dir + "/b/m", dir + "/a", dir + "/c/master"},
	}
	for _, test := range tests {
		t.Setenv("SALT_MASTER_CONFIG", test.config)
		t.Setenv("SALT_CONFIG_DIR", test.configDir)
		if got := masterFile(test.dir); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

func TestGet(t *testing.T) {
	c, err := Load(tree(t, "-- etc/master --\nout.table.title: x\noutput_indent:\n"))
	if err != nil {
		t.Fatal(err)
	}
	if v, ok := c.Get("out.table.title"); !ok || v != "x" {
		t.Errorf("got %v, %v", v, ok)
	}
	if v, ok := c.Get("output_indent"); !ok || v != nil {
		t.Errorf("null is %v, %v", v, ok)
	}
	if _, ok := c.Get("timeout"); ok {
		t.Error("a default is there")
	}
}

func BenchmarkLoad(b *testing.B) {
	dir := tree(b, "-- etc/master --\nuser: salt\nid: a\n"+strings.Repeat("# a line of comment\n", 30)+"-- etc/master.d/gorun.conf --\ngorun:\n  source: auto\n")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(dir); err != nil {
			b.Fatal(err)
		}
	}
}
