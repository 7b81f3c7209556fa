package jobcache

import (
	"fmt"

	"gorun/value"
)

// origin is the event that a job's load is from, and where its function is counted.
type origin struct {
	source Source
	stamp  int64
	tally  *tally
}

// newer tells whether the load of an event replaces that of o: it does if its source is
// higher; of two announcements the last one's does (a batch publishes one jid again and again
// since 3008, and Salt keeps the last load), of two returns the first one's.
func (o origin) newer(source Source, stamp int64) bool {
	switch {
	case source != o.source:
		return source > o.source
	case source == FromNew:
		return stamp > o.stamp
	}
	return source != FromNothing && stamp < o.stamp
}

// Adds tells whether PutJob could change what is known of the job. It does not look at the
// function and the load.
func (tx *Tx) Adds(job Job) bool {
	known, seen := tx.w.known[job.JID]
	return !seen || known.newer(job.Source, job.Stamp) ||
		len(job.Metadata) > 0 || len(job.Minions) > 0 || job.Announced != ""
}

// PutJob stores what an event tells of a job, or adds it to what is known.
func (tx *Tx) PutJob(job Job) error {
	w := tx.w
	if !tx.Adds(job) {
		return nil
	}
	if _, seen := w.known[job.JID]; !seen {
		err := tx.writeJob(`INSERT OR IGNORE INTO jobs (jid, fun, source, stamp, load, metadata, minions, announced)
			VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)`, job)
		if err != nil {
			return fmt.Errorf("store job %s: %w", job.JID, err)
		}
		if w.conn.Changes() == 1 {
			tx.put++
			w.remember(job)
			if job.Source != FromNothing {
				w.countJob(job)
			}
			if w.jobs >= 0 {
				w.jobs++
			}
			return nil
		}
	}
	old, err := readJob(w.conn, job.JID) // in memory of its own
	if err != nil {
		return fmt.Errorf("store job %s: %w", job.JID, err)
	}
	merged, changed := merge(*old, job)
	w.remember(merged)
	if !changed {
		return nil
	}
	err = tx.writeJob(`UPDATE jobs SET fun = ?2, source = ?3, stamp = ?4, load = ?5, metadata = ?6, minions = ?7,
		announced = ?8 WHERE jid = ?1`, merged)
	if err != nil {
		return fmt.Errorf("store job %s: %w", job.JID, err)
	}
	tx.put++
	if old.Source == FromNothing && merged.Source != FromNothing {
		w.countJob(merged)
	}
	return nil
}

func (w *Writer) remember(job Job) {
	if len(w.known) >= knownJobs {
		clear(w.known)
	}
	w.known[job.JID] = origin{job.Source, job.Stamp, w.counting.of(job)}
}

func (tx *Tx) writeJob(query string, job Job) error {
	w := tx.w
	var metadata, minions, announced any
	if len(job.Metadata) > 0 {
		metadata = []byte(job.Metadata)
	}
	if job.Minions != nil {
		raw := value.AppendList(nil, len(job.Minions))
		for _, id := range job.Minions {
			raw = value.AppendText(raw, id)
		}
		minions = new(packer).pack(raw, texts{})
	}
	if job.Announced != "" {
		announced = job.Announced
	}
	fun, err := tx.function(job.Fun)
	if err != nil {
		return err
	}
	if w.key, err = appendKey(w.key[:0], job.JID); err != nil {
		return err
	}
	load := w.packer.pack(withoutSecrets(job.Load), w.packer.ofJob(&job))
	return tx.run(query, w.key, fun, int64(job.Source), job.Stamp, load, metadata, minions, announced)
}

// merge adds what an event tells to what is known of the job.
func merge(old, event Job) (Job, bool) {
	merged, changed := old, false
	switch {
	case old.Source <= FromReturn && event.Source <= FromReturn:
		merged.Source = max(old.Source, event.Source)
		changed = merged.Source != old.Source
		if len(event.Load) > 0 && (len(old.Load) == 0 || event.Stamp < old.Stamp) { // the first one's
			merged.Fun, merged.Stamp, merged.Load, changed = event.Fun, event.Stamp, event.Load, true
		}
	case (origin{source: old.Source, stamp: old.Stamp}).newer(event.Source, event.Stamp):
		merged.Fun, merged.Source, merged.Stamp, merged.Load = event.Fun, event.Source, event.Stamp, event.Load
		changed = true
	}
	if len(old.Metadata) == 0 && len(event.Metadata) > 0 {
		merged.Metadata, changed = event.Metadata, true
	}
	if old.Announced == "" && event.Announced != "" {
		merged.Announced, changed = event.Announced, true
	}
	if more := union(old.Minions, event.Minions); len(more) != len(old.Minions) || old.Minions == nil && more != nil {
		merged.Minions, changed = more, true
	}
	return merged, changed
}

// union returns a, and behind it what only b has.
func union(a, b []string) []string {
	if a == nil {
		return b
	}
	seen := make(map[string]struct{}, len(a))
	for _, s := range a {
		seen[s] = struct{}{}
	}
	all := a[:len(a):len(a)]
	for _, s := range b {
		if _, ok := seen[s]; !ok {
			all = append(all, s)
			seen[s] = struct{}{}
		}
	}
	return all
}

// The forms of a return, as the store keeps them.
const (
	formBus = iota
	formCut
	formKept
)

// PutReturn stores a minion's return to a job. Of two returns of one minion the first
// stays, as in Salt's own cache; what that has takes the place of a return that was cut.
func (tx *Tx) PutReturn(jid string, r Return) error {
	form := int64(formBus)
	switch {
	case r.Kept:
		form = formKept
	case r.Trimmed:
		form = formCut
	}
	w := tx.w
	var err error
	if w.key, err = appendKey(w.key[:0], jid); err != nil {
		return fmt.Errorf("store the return of %s: %w", r.Minion, err)
	}
	args := []any{w.key, r.Minion, r.Stamp, form, w.packer.pack(r.Event, w.packer.ofReturn(jid, &r))}
	err = tx.run(`INSERT INTO returns (jid, minion, stamp, form, event) VALUES (?1, ?2, ?3, ?4, ?5)
		ON CONFLICT (jid, minion) DO NOTHING`, args...)
	switch {
	case err != nil:
	case w.conn.Changes() > 0:
		tx.put++
		err = tx.countReturn(jid, &r)
	default:
		err = tx.run(`UPDATE returns SET stamp = ?3, form = ?4, event = ?5 WHERE jid = ?1 AND minion = ?2
			AND CASE WHEN ?4 = 1 AND form = 2 THEN 0 WHEN ?4 = 2 AND form = 1 THEN 1 ELSE ?3 < stamp END`, args...)
		if err == nil {
			tx.put += w.conn.Changes()
		}
	}
	if err != nil {
		return fmt.Errorf("store the return of %s to %s: %w", r.Minion, jid, err)
	}
	return nil
}

// PutFailure stores that a state of a return failed.
func (tx *Tx) PutFailure(jid string, f Failure) error {
	key, err := appendKey(nil, jid)
	if err == nil {
		err = tx.run("INSERT OR IGNORE INTO failures (jid, minion, run, stamp) VALUES (?, ?, ?, ?)", key, f.Minion, f.Run, f.Stamp)
	}
	if err == nil {
		tx.put += tx.w.conn.Changes()
	}
	if err != nil {
		return fmt.Errorf("store a failure of %s in %s: %w", f.Minion, jid, err)
	}
	return nil
}
