package saltlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
)

// Syndic is the name of the daemon that hands on between a lab's master and the one above.
const Syndic = "syndic"

// StartSyndic puts this lab's master below another one, which must have order_masters and
// knows the syndic by the given id. It returns once the master above has accepted its key.
func (l *Lab) StartSyndic(ctx context.Context, above *Lab, id string) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	home := l.home(Syndic)
	etc := filepath.Join(home, "etc")
	// A syndic reads its master's file and a minion's beside it, of which the latter counts more.
	// It finds the jobs that it hands up below the master's root_dir only.
	text := fmt.Sprintf(`root_dir: %[6]s
pki_dir: %[1]s/pki
cachedir: %[1]s/cache
sock_dir: %[1]s/run
syndic_pidfile: %[1]s/syndic.pid
syndic_log_file: %[1]s/syndic.log
id: %[2]s
syndic_master: 127.0.0.1
syndic_master_port: %[3]d
publish_port: %[4]d
user: %[5]s
`, home, id, above.port+1, above.port, me.Username, l.Dir)
	err = errors.Join(os.MkdirAll(etc, 0o755),
		os.WriteFile(filepath.Join(etc, "minion"), []byte(text), 0o644),
		os.Symlink(filepath.Join(l.ConfigDir(), "master"), filepath.Join(etc, "master")))
	if err != nil {
		return err
	}
	if err := l.StartDaemon(ctx, Syndic); err != nil {
		return err
	}
	key := filepath.Join(above.ConfigDir(), "pki/master/minions", id)
	err = poll(ctx, func() (bool, error) {
		_, err := os.Stat(key)
		return err == nil, l.alive()
	})
	if err != nil {
		return fmt.Errorf("syndic %s: %w\n%s", id, err, l.logs())
	}
	return nil
}
