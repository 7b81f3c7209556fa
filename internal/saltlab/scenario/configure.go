package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Configure makes, below root, what gorun reads of a recorded master: its configuration and
// its accepted keys. It returns the configuration's folder and the path at which the event
// bus is expected. That path must be short, as those of unix sockets are, and so root.
func (m Master) Configure(root string) (config, bus string, err error) {
	config = filepath.Join(root, "etc")
	keys := filepath.Join(config, "pki/master/minions")
	run := filepath.Join(root, "run")
	for _, dir := range []string{keys, run, filepath.Join(root, "cache/jobs")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return "", "", err
		}
	}
	for _, id := range m.Minions {
		if err := os.WriteFile(filepath.Join(keys, id), []byte("a key\n"), 0o644); err != nil {
			return "", "", err
		}
	}
	// The jobs are as old as the recording: none is to leave for its age. What was before the
	// recording was nothing: Salt's own job cache is empty, and does not change.
	text := fmt.Sprintf("root_dir: %[1]s\npki_dir: %[1]s/etc/pki/master\ncachedir: %[1]s/cache\nsock_dir: %[1]s/run\n"+
		"keep_jobs: 0\nkeep_jobs_seconds: 0\ngorun: {settle: 0}\n", root) + strings.Join(append(m.Config, ""), "\n")
	err = os.WriteFile(filepath.Join(config, "master"), []byte(text), 0o644)
	return config, filepath.Join(run, "master_event_pub.ipc"), err
}
