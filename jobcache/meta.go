package jobcache

import (
	"errors"
	"os"
	"time"
)

// Count adds n to a counter: "events", "reconnects", or "skipped." with a reason.
func (tx *Tx) Count(name string, n int64) {
	tx.w.counts[name] += n
}

// Heartbeat notes whether this process is connected to a bus, and of which era that is.
func (tx *Tx) Heartbeat(now time.Time, connected bool, era Era) error {
	err := errors.Join(tx.setMeta("listening", integer(connected)), tx.setMeta("pid", int64(os.Getpid())))
	if connected {
		err = errors.Join(err, tx.setMeta("heartbeat", now.UnixMicro()), tx.setMeta("era", int64(era)))
	}
	return err
}

// integer is how SQLite keeps a bool.
func integer(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

func (tx *Tx) setMeta(name string, val any) error {
	return tx.run("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2", name, val)
}

// addMeta adds n to a number of the table meta.
func (tx *Tx) addMeta(name string, n int64) error {
	return tx.run("INSERT INTO meta (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = value + ?2", name, n)
}

// flushCounts writes what was counted.
func (tx *Tx) flushCounts() error {
	w := tx.w
	for name, n := range w.counts {
		if err := tx.addMeta("count."+name, n); err != nil {
			return err
		}
	}
	clear(w.counts)
	return nil
}
