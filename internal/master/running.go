package master

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"gorun/value"
)

// ErrRunning is returned when the list of running runners cannot be read.
var ErrRunning = errors.New("running runners")

// Running lists the runners that are at work on this master, each as the map that it has
// put into <cachedir>/proc: fun, jid, user, fun_args, _stamp, pid
// (salt.utils.master.get_running_jobs). The order is that of the folder. A file that is
// gone, that is half written or whose process is no longer a Salt one is passed over, but
// unlike Salt's own reading not removed. Errors are ErrRunning.
func (c *Config) Running() ([]*value.Map, error) {
	dir, err := os.Open(filepath.Join(c.CacheDir, "proc"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRunning, err)
	}
	files, err := dir.ReadDir(-1)
	if err = errors.Join(err, dir.Close()); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRunning, err)
	}
	var running []*value.Map
	for _, file := range files {
		if !file.Type().IsRegular() {
			continue
		}
		data, err := os.ReadFile(filepath.Join(dir.Name(), file.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRunning, err)
		}
		if m, ok := parseProc(data); ok && isSalt(m) {
			running = append(running, m)
		}
	}
	return running, nil
}

// parseProc reads a file of <cachedir>/proc.
func parseProc(data []byte) (*value.Map, bool) {
	v, err := value.Decode(data)
	m, ok := v.(*value.Map)
	return m, ok && err == nil
}

// isSalt tells whether the process that wrote the map is there: one of Salt's on Linux,
// where a pid that another program has by now can be told.
func isSalt(proc *value.Map) bool {
	v, _ := proc.Get("pid")
	pid, ok := v.(int64)
	if !ok || pid <= 0 {
		return false
	}
	if runtime.GOOS != "linux" {
		err := syscall.Kill(int(pid), 0)
		return err == nil || errors.Is(err, syscall.EPERM)
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	return err == nil && bytes.Contains(line, []byte("salt"))
}
