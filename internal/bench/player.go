package main

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"
)

// site is a place with a configuration, and a bus that this program plays.
type site struct {
	config, cachedir string
	listener         net.Listener
}

// newSite makes one below dir. Jobs stay however old they are.
func newSite(dir string) (*site, error) {
	s := &site{config: filepath.Join(dir, "etc"), cachedir: filepath.Join(dir, "cache")}
	for _, d := range []string{s.config, s.cachedir, filepath.Join(dir, "run")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return nil, err
		}
	}
	text := "root_dir: " + dir + "\ncachedir: " + s.cachedir + "\nsock_dir: " + dir + "/run\nkeep_jobs_seconds: 0\nkeep_jobs: 0\n"
	if err := os.WriteFile(filepath.Join(s.config, "master"), []byte(text), 0o644); err != nil {
		return nil, err
	}
	return listen(s.config, s.cachedir, filepath.Join(dir, "run"))
}

// listen makes the bus of a configuration that has its sockets in run.
func listen(config, cachedir, run string) (*site, error) {
	listener, err := net.Listen("unix", filepath.Join(run, "master_event_pub.ipc"))
	return &site{config, cachedir, listener}, err
}

// subscribe starts a subscriber and returns it with its connection.
func (s *site) subscribe(ctx context.Context, gorun string) (*subscription, net.Conn, error) {
	sub, err := subscribe(ctx, gorun, s.config, s.cachedir)
	if err != nil {
		return nil, nil, err
	}
	conn, err := s.listener.Accept()
	if err != nil {
		return nil, nil, errors.Join(err, sub.stop())
	}
	// It stands still while it listens whether the other side speaks ZeroMQ.
	time.Sleep(300 * time.Millisecond)
	return sub, conn, nil
}

// maxAhead is how much the player may be ahead of the store, in bytes: less than half of what
// the subscriber holds, which keeps all that it took until the last of it is stored. So nothing is
// lost, and the time is that of storing.
const maxAhead = 24 << 20

// play sends frames as fast as they are stored, and returns when a reader sees them all.
func play(ctx context.Context, conn io.Writer, sub *subscription, frames [][]byte) error {
	const block = 1 << 20
	var buf []byte
	ends := make([]int, 0, len(frames)) // of each frame, in bytes from the beginning
	sent := 0
	flush := func() error {
		for {
			stored, err := sub.stored(ctx)
			if err != nil {
				return err
			}
			if stored == len(ends) || stored > 0 && sent-ends[stored-1] <= maxAhead || stored == 0 && sent <= maxAhead {
				break
			}
			time.Sleep(5 * time.Millisecond)
		}
		_, err := conn.Write(buf)
		buf = buf[:0]
		return err
	}
	for _, f := range frames {
		buf = append(buf, f...)
		sent += len(f)
		ends = append(ends, sent)
		if len(buf) >= block {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	return sub.until(ctx, len(frames))
}
