package master

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gorun/value"
)

func TestRunning(t *testing.T) {
	c, err := Load(tree(t, "-- etc/master --\nroot_dir: $DIR\n"))
	if err != nil {
		t.Fatal(err)
	}
	if running, err := c.Running(); err != nil || len(running) != 0 {
		t.Errorf("without a folder: %v, %v", running, err)
	}
	salt, other := sleeper(t, "salt-run"), sleeper(t, "ssh")
	for jid, pid := range map[string]value.Value{
		"20261122073829407758": salt, "20261122073829407759": other, "20261122073829407760": nil, "20261122073829407761": int64(0),
	} {
		pack(t, c, "proc/"+jid, value.NewMap("fun", "runner.test.sleep", "jid", jid, "pid", pid))
	}
	dir := filepath.Join(c.CacheDir, "proc")
	for name, data := range map[string]string{"empty": "", "cut": "\x84\xa3fun", "list": "\x90"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o700); err != nil {
		t.Fatal(err)
	}
	running, err := c.Running()
	if err != nil || len(running) != 1 {
		t.Fatalf("%v, %v", running, err)
	}
	if jid, _ := running[0].Get("jid"); jid != "20261122073829407758" {
		t.Errorf("got %v", running[0])
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 8 {
		t.Errorf("%v, %v: none is to be removed", files, err)
	}
}

// sleeper starts a process with that name among its arguments, and returns its pid.
func sleeper(t *testing.T, name string) int64 {
	t.Helper()
	cmd := exec.Command("sh", "-c", "read line", name)
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close() // read ends; its status says so, and nothing else
		_ = cmd.Wait()
	})
	return int64(cmd.Process.Pid)
}

func FuzzParseProc(f *testing.F) {
	data, err := value.Encode(value.NewMap("fun", "runner.test.sleep", "pid", int64(1)))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add(data[:3])
	f.Add([]byte("\x90"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if m, ok := parseProc(data); ok != (m != nil) {
			t.Errorf("%x: %v, %v", data, m, ok)
		}
	})
}
