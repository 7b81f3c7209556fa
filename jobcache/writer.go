package jobcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"gorun/value"
)

// knownJobs bounds how many jids a Writer remembers to spare itself a look into the file.
const knownJobs = 1 << 16

// Writer is the one process that changes a store. It is not for concurrent use.
type Writer struct {
	conn *sqlite.Conn
	lock *flock.Flock
	// known remembers from which event the load of a recent job is.
	known map[string]origin
	// minions remembers the evidence of each minion seen; dirty those to be written.
	minions map[string]*evidence
	dirty   map[string]struct{}
	counts  map[string]int64
	// counting has the counters by function, and the lag.
	counting counting
	jobs     int64 // how many there are, below zero where that is not known
	// functions remembers the ids of names.
	functions map[string]int64
	packer    packer
	key       []byte
	// Aside is where a store was put that was older or damaged; empty: there was none.
	Aside string
}

// OpenWriter opens the store at path for writing, and makes it where there is none, with
// mode 0600. One that an older gorun wrote, or that is damaged, is put aside: what it held
// is in Salt's own job cache, as far as that goes back. Errors are ErrLocked, with the pid
// of the other writer, ErrForeign, ErrUnsafe,
// ErrNetwork, and those of the file system.
func OpenWriter(path string) (*Writer, error) {
	if err := create(path); err != nil {
		return nil, err
	}
	l, err := lock(path)
	if err != nil {
		return nil, err
	}
	w := &Writer{lock: l}
	w.forget()
	err = w.open(path)
	if errors.Is(err, errOutdated) || errors.Is(err, ErrDamaged) {
		w.Aside, err = putAside(path)
		if err == nil {
			err = create(path)
		}
		if err == nil {
			err = w.open(path)
		}
	}
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return w, nil
}

// open opens the file and reads what is to be remembered of it.
func (w *Writer) open(path string) error {
	conn, err := openFile(path, sqlite.OpenReadWrite)
	if err != nil {
		return err
	}
	w.conn = conn
	if err = prepare(conn, path); err == nil {
		err = w.load()
	}
	if err != nil {
		err = errors.Join(classify(err), conn.Close())
	}
	return err
}

// asideSuffix is behind the name of a store that was put aside; an earlier one makes room.
const asideSuffix = ".aside"

func putAside(path string) (aside string, err error) {
	aside = path + asideSuffix
	for _, part := range []string{"", "-wal", "-shm"} {
		err := os.Rename(path+part, aside+part)
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
			if part != "" { // what is left of an earlier one does not belong to this one
				if err = os.Remove(aside + part); errors.Is(err, fs.ErrNotExist) {
					err = nil
				}
			}
		}
		if err != nil {
			return "", fmt.Errorf("put the job cache aside: %w", err)
		}
	}
	return aside, nil
}

// Discard puts a store aside that has turned out to be damaged, and gives it back.
func (w *Writer) Discard(path string) (aside string, err error) {
	err = w.conn.Close()
	aside, err2 := putAside(path)
	return aside, errors.Join(err, err2, w.lock.Close())
}

// Close gives the store back.
func (w *Writer) Close() error {
	return errors.Join(w.conn.Close(), w.lock.Close())
}

// forget drops what is remembered of the file.
func (w *Writer) forget() {
	w.known = make(map[string]origin)
	w.minions = make(map[string]*evidence)
	w.dirty = make(map[string]struct{})
	w.counts = make(map[string]int64)
	w.counting = newCounting()
	w.functions = make(map[string]int64)
	w.jobs = -1
}

// load reads the evidence of all minions, and which functions are counted by name.
func (w *Writer) load() error {
	return errors.Join(
		eachMinion(w.conn, func(id string, e evidence) { w.minions[id] = &e }),
		w.counting.load(w.conn))
}

// Update runs f in one transaction: all that f puts is stored, or nothing.
func (w *Writer) Update(ctx context.Context, f func(*Tx) error) (err error) {
	w.conn.SetInterrupt(ctx.Done())
	defer w.conn.SetInterrupt(nil)
	defer func() { err = classify(err) }()
	end, err := sqlitex.ImmediateTransaction(w.conn)
	if err != nil {
		return fmt.Errorf("write the job cache: %w", err)
	}
	defer func() {
		end(&err)
		if err != nil { // what was remembered may not be in the file
			w.forget()
			w.conn.SetInterrupt(nil)
			err = errors.Join(err, w.load())
		}
	}()
	tx := Tx{w: w}
	if err = f(&tx); err == nil {
		err = tx.err
	}
	if err != nil {
		return err
	}
	if err := tx.flush(); err != nil {
		return fmt.Errorf("write the job cache: %w", err)
	}
	return nil
}

// classify tells what waiting may mend, and what nothing does, from other errors of SQLite.
func classify(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultFull, sqlite.ResultIOErr, sqlite.ResultBusy, sqlite.ResultReadOnly, sqlite.ResultCantOpen:
		return fmt.Errorf("%w: %w", ErrBlocked, err)
	case sqlite.ResultCorrupt, sqlite.ResultNotADB:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// Tx is a transaction of Update. What it is given may arrive in any order, and twice.
type Tx struct {
	w *Writer
	// put counts what was put and changed a job, a return or a failure.
	put int
	// err is the first that writing met. SQLite may have ended the transaction for it (a full
	// disk): whatever came after that would be written by itself.
	err error
}

// run binds args to a cached statement and runs it. Args are string, int64, []byte or nil.
func (tx *Tx) run(query string, args ...any) error {
	if tx.err == nil {
		tx.err = tx.step(query, args)
	}
	return tx.err
}

func (tx *Tx) step(query string, args []any) error {
	stmt, err := tx.w.conn.Prepare(query)
	if err != nil {
		return err
	}
	bind(stmt, args)
	if _, err = stmt.Step(); err != nil {
		_ = stmt.Reset() // repeats the error of Step
		return err
	}
	return stmt.Reset()
}

func bind(stmt *sqlite.Stmt, args []any) {
	for i, arg := range args {
		switch arg := arg.(type) {
		case nil:
			stmt.BindNull(i + 1)
		case string:
			stmt.BindText(i+1, arg)
		case int64:
			stmt.BindInt64(i+1, arg)
		case []byte:
			stmt.BindBytes(i+1, arg)
		default:
			panic(fmt.Sprintf("bind %T", arg))
		}
	}
}

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

func (tx *Tx) evidence(id string) *evidence {
	e := tx.w.minions[id]
	if e == nil {
		e = new(evidence)
		tx.w.minions[id] = e
	}
	tx.w.dirty[id] = struct{}{}
	return e
}

// Alive notes a sign of life: stamp is its time in microseconds since 1970, by the event's tag.
func (tx *Tx) Alive(id string, stamp int64, by string) {
	tx.evidence(id).alive(stamp, by)
}

// Asked notes that a find_job of the given jid went to the minion: somebody waits for it.
func (tx *Tx) Asked(id string, stamp int64, jid string) {
	tx.evidence(id).asked(stamp, jid)
}

// Lost notes that presence events miss a minion that they had named.
func (tx *Tx) Lost(id string, stamp int64) {
	tx.evidence(id).listing(Lost, stamp)
}

// Present notes a presence list, whole: those it names are present, those that an earlier
// one named and this one does not are lost.
func (tx *Tx) Present(ids []string, stamp int64) error {
	at, err := metaInt(tx.w.conn, "presence_at")
	if err != nil || stamp < at {
		return err
	}
	named := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		named[id] = struct{}{}
		if e := tx.w.minions[id]; e == nil || e.listed != Present {
			tx.evidence(id).listing(Present, stamp)
		}
	}
	for id, e := range tx.w.minions {
		if _, ok := named[id]; !ok && e.listed == Present {
			tx.evidence(id).listing(Lost, stamp)
		}
	}
	return tx.setMeta("presence_at", stamp)
}

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

// flush writes what was gathered in memory.
func (tx *Tx) flush() error {
	w := tx.w
	for id := range w.dirty {
		e := w.minions[id]
		err := tx.run(`INSERT OR REPLACE INTO minions
			(id, alive_at, alive_by, asked_first, asked_last, asked_jid, listed, listed_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			id, e.aliveAt, e.aliveBy, e.askedFirst, e.askedLast, e.askedJID, int64(e.listed), e.listedAt)
		if err != nil {
			return err
		}
	}
	clear(w.dirty)
	for name, n := range w.counts {
		if err := tx.addMeta("count."+name, n); err != nil {
			return err
		}
	}
	clear(w.counts)
	return tx.flushCounters(time.Now())
}
