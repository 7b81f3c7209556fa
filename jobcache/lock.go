package jobcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// lockFile is the lock of a store's one writer: the kernel gives it back when the process
// ends, however it ends. Its content is the holder's pid, for people.
func lockFile(path string) string { return path + ".lock" }

func lock(path string) (*flock.Flock, error) {
	name := lockFile(path)
	l := flock.New(name, flock.SetPermissions(0o600))
	held, err := l.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock the job cache: %w", err)
	}
	if !held {
		if pid := holder(path); pid != "" {
			return nil, fmt.Errorf("%s: %w: pid %s", path, ErrLocked, pid)
		}
		return nil, fmt.Errorf("%s: %w", path, ErrLocked)
	}
	if err := os.WriteFile(name, fmt.Appendf(nil, "%d\n", os.Getpid()), 0o600); err != nil {
		_ = l.Close() // the failed write is the error to tell
		return nil, fmt.Errorf("lock the job cache: %w", err)
	}
	return l, nil
}

// Holder is the process that writes the store at path, 0 for none.
func Holder(path string) (pid int, err error) {
	l := flock.New(lockFile(path), flock.SetFlag(os.O_RDONLY))
	held, err := l.TryRLock()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return 0, nil
	case err != nil:
		return 0, fmt.Errorf("look at the job cache's lock: %w", err)
	case held:
		return 0, l.Close()
	}
	pid, _ = strconv.Atoi(holder(path))
	return pid, nil
}

// holder reads the pid that stands in the lock file, or nothing.
func holder(path string) string {
	data, err := os.ReadFile(lockFile(path))
	if err != nil {
		return ""
	}
	pid := strings.TrimSpace(string(data))
	if !digits(pid) || len(pid) > 10 {
		return ""
	}
	return pid
}
