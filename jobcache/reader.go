package jobcache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"gorun/value"
)

// staleAfter is how old a heartbeat may be before its subscriber counts as gone.
const staleAfter = 3 * HeartbeatEvery

// HeartbeatEvery is how often a subscriber writes that it is there.
const HeartbeatEvery = 5 * time.Second

// Reader answers questions to a store. It never changes the store, and never waits for its
// writer. It is not for concurrent use.
type Reader struct {
	conn   *sqlite.Conn
	path   string
	asking int             // questions under way: f may put another one
	ends   <-chan struct{} // of the context that interrupts what runs
	rest   fs.FileInfo     // the file as it was found, where it is read without SQLite's locks
}

// OpenReader opens the store at path. Errors are ErrNoStore, ErrForeign, ErrUnsafe,
// ErrNetwork, and those of the file system.
func OpenReader(path string) (*Reader, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoStore)
	}
	if err != nil {
		return nil, fmt.Errorf("open job cache: %w", err)
	}
	if err := checkPlace(path, false); err != nil {
		return nil, err
	}
	r, err := openReader(path, path, sqlite.OpenReadOnly)
	if !refused(err) {
		return r, err
	}
	if !atRest(path) {
		return nil, fmt.Errorf("%s: the log beside it: %w", path, fs.ErrPermission)
	}
	uri := url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: "immutable=1"}
	r, err = openReader(path, uri.String(), sqlite.OpenReadOnly|sqlite.OpenURI)
	if err == nil {
		r.rest = info
	}
	return r, err
}

func openReader(path, name string, flags sqlite.OpenFlags) (*Reader, error) {
	conn, err := openFile(name, flags)
	if err != nil {
		return nil, err
	}
	version, err := checkVersion(conn, path)
	if err == nil && version == 0 {
		err = fmt.Errorf("%s: %w", path, ErrNoStore)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &Reader{conn: conn, path: path}, nil
}

// refused tells the errors of a reader that may not make the shared memory beside the file.
func refused(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultReadOnly, sqlite.ResultCantOpen:
		return true
	}
	return false
}

// atRest tells whether the file alone is the whole store: a writer that is at work, or was
// killed, has a log beside it.
func atRest(path string) bool {
	log, err := os.Stat(path + "-wal")
	return errors.Is(err, fs.ErrNotExist) || err == nil && log.Size() == 0
}

// Close ends the reading. ErrChanged where a writer has come in the meantime and the file
// was read without the means to notice.
func (r *Reader) Close() error {
	err := r.conn.Close()
	if r.rest == nil {
		return err
	}
	now, statErr := os.Stat(r.path)
	if statErr == nil && (now.Size() != r.rest.Size() || !now.ModTime().Equal(r.rest.ModTime())) {
		statErr = fmt.Errorf("%s: %w", r.path, ErrChanged)
	}
	return errors.Join(err, statErr)
}

// until lets the end of ctx interrupt what runs; the caller defers the returned function.
// A question within another one leaves that to the outer: SetInterrupt would begin the
// statement of that anew. It stays set for the next question, which mostly has the same
// context: to take it back is to wait for another thread, twice.
func (r *Reader) until(ctx context.Context) func() {
	if r.asking++; r.asking == 1 {
		r.interruptBy(ctx.Done())
	}
	return func() { r.asking-- }
}

func (r *Reader) interruptBy(ends <-chan struct{}) {
	if r.ends != ends {
		r.ends = ends
		r.conn.SetInterrupt(ends)
	}
}

// wrap says what failed; a question that ctx ended failed for the reason of ctx.
func (r *Reader) wrap(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return fmt.Errorf("read job cache %s: %w", r.path, err)
}

// Job returns what is known of one job; ErrUnknownJob where its load is not known.
func (r *Reader) Job(ctx context.Context, jid string) (*Job, error) {
	defer r.until(ctx)()
	job, err := readJob(r.conn, jid)
	if errors.Is(err, ErrUnknownJob) {
		return nil, fmt.Errorf("%s: %w", jid, ErrUnknownJob)
	}
	return job, r.wrap(ctx, err)
}

// jobColumns are those of a listing, which does not ask for minions.
const jobColumns = "jid, fun, source, stamp, load, metadata, announced"

// readJob reads one row of jobs, a stub as well.
func readJob(conn *sqlite.Conn, jid string) (*Job, error) {
	key, err := appendKey(nil, jid)
	if err != nil {
		return nil, ErrUnknownJob
	}
	stmt, err := conn.Prepare("SELECT " + jobColumns + ", minions FROM jobs WHERE jid = ?")
	if err != nil {
		return nil, err
	}
	stmt.BindBytes(1, key)
	found, err := stmt.Step()
	if err != nil || !found {
		if err == nil {
			err = ErrUnknownJob
		}
		return nil, errors.Join(err, stmt.Reset())
	}
	job, err := (&row{conn: conn}).job(stmt)
	if err == nil {
		job.Minions, err = scanMinions(stmt)
	}
	return job, errors.Join(err, stmt.Reset())
}

// row is a row of jobs; its memory serves the next row as well.
type row struct {
	conn                *sqlite.Conn
	scanned             Job
	names               map[int64]string // of functions
	key, load, metadata []byte
	packer              packer
}

// job reads all but the minions.
func (r *row) job(stmt *sqlite.Stmt) (*Job, error) {
	r.key = columnInto(stmt, 0, r.key)
	r.load = columnInto(stmt, 4, r.load)
	r.metadata = columnInto(stmt, 5, r.metadata)
	fun, err := r.function(stmt.ColumnInt64(1))
	if err != nil {
		return nil, err
	}
	r.scanned = Job{
		JID: jidOf(r.key), Fun: fun, Source: Source(stmt.ColumnInt64(2)),
		Stamp: stmt.ColumnInt64(3), Metadata: r.metadata, Announced: stmt.ColumnText(6),
	}
	r.scanned.Load, err = r.packer.unpack(r.load, r.packer.ofJob(&r.scanned))
	return &r.scanned, err
}

func scanMinions(stmt *sqlite.Stmt) ([]string, error) {
	if stmt.ColumnIsNull(7) {
		return nil, nil
	}
	raw, err := new(packer).unpack(columnBytes(stmt, 7), texts{})
	if err != nil {
		return nil, err
	}
	v, err := raw.Decode()
	if err != nil {
		return nil, err
	}
	list, ok := v.(value.List)
	if !ok {
		return nil, fmt.Errorf("minions of %s: %w: a list was stored", jidOf(columnBytes(stmt, 0)), value.ErrMalformed)
	}
	ids := make([]string, 0, len(list))
	for _, id := range list {
		if s, ok := id.(string); ok {
			ids = append(ids, s)
		}
	}
	return ids, nil
}

func columnBytes(stmt *sqlite.Stmt, col int) []byte {
	return columnInto(stmt, col, nil)
}

// columnInto reads a blob into buf, or into a new slice where buf is too small.
func columnInto(stmt *sqlite.Stmt, col int, buf []byte) []byte {
	n := stmt.ColumnLen(col)
	buf = slices.Grow(buf[:0], n)[:n]
	stmt.ColumnBytes(col, buf)
	return buf
}

// Jobs calls f with each job of a selection whose load is known, without its minions. The job
// is valid until f returns.
func (r *Reader) Jobs(ctx context.Context, s Selection, f func(*Job) error) error {
	const from = "SELECT " + jobColumns + " FROM jobs WHERE source > 0 AND jid >= ?1 AND jid < ?2"
	first, behind := s.keys()
	args, query := []any{first, behind}, from
	row := row{conn: r.conn}
	wanted := func(int64) bool { return true }
	if s.Fun != nil {
		ids, err := r.functions(ctx, s.Fun)
		if err != nil || len(ids) == 0 {
			return err
		}
		if len(ids) <= maxArms {
			arms := make([]string, len(ids))
			for i, id := range ids {
				arms[i] = fmt.Sprintf("%s AND fun = ?%d", from, len(args)+1)
				args = append(args, id)
			}
			query = strings.Join(arms, " UNION ALL ")
		} else {
			wanted = func(id int64) bool { _, ok := slices.BinarySearch(ids, id); return ok }
		}
	}
	query += " ORDER BY jid"
	if s.Newest {
		query += " DESC"
	}
	return r.each(ctx, query, func(stmt *sqlite.Stmt) error {
		if !wanted(stmt.ColumnInt64(1)) {
			return nil
		}
		job, err := row.job(stmt)
		if err != nil {
			return err
		}
		return f(job)
	}, args...)
}

// maxArms is up to how many functions are looked up each by itself; SQLite merges what it
// finds. Above it all jobs are read.
const maxArms = 16

// Returns calls f with each return to a job, by minion. The return is valid until f returns.
func (r *Reader) Returns(ctx context.Context, jid string, f func(*Return) error) error {
	return r.returns(ctx, jid, "jid = ?1 ORDER BY minion", f)
}

// returns calls f with each return to a job that the condition is true of.
func (r *Reader) returns(ctx context.Context, jid, condition string, f func(*Return) error, args ...any) error {
	var (
		ret    Return
		blob   []byte
		packer packer
	)
	query := "SELECT minion, stamp, form, event FROM returns WHERE " + condition
	return r.ofJob(ctx, jid, query, func(stmt *sqlite.Stmt) (err error) {
		ret = Return{
			Minion: stmt.ColumnText(0), Stamp: stmt.ColumnInt64(1),
			Trimmed: stmt.ColumnInt64(2) == formCut, Kept: stmt.ColumnInt64(2) == formKept,
		}
		blob = columnInto(stmt, 3, blob)
		if ret.Event, err = packer.unpack(blob, packer.ofReturn(jid, &ret)); err != nil {
			return err
		}
		return f(&ret)
	}, args...)
}

// ofJob calls f with every row of a query about a job, whose key is the first argument. What
// is no jid has none.
func (r *Reader) ofJob(ctx context.Context, jid, query string, f func(*sqlite.Stmt) error, args ...any) error {
	key, err := appendKey(nil, jid)
	if err != nil {
		return nil //nolint:nilerr // such a job is not known
	}
	return r.each(ctx, query, f, append([]any{key}, args...)...)
}

// Returned lists the minions that have returned to a job, sorted, and reads nothing of what
// they returned.
func (r *Reader) Returned(ctx context.Context, jid string) ([]string, error) {
	var ids []string
	err := r.ofJob(ctx, jid, "SELECT minion FROM returns WHERE jid = ? ORDER BY minion", func(stmt *sqlite.Stmt) error {
		ids = append(ids, stmt.ColumnText(0))
		return nil
	})
	return ids, err
}

// Failures calls f with each state that failed in a job.
func (r *Reader) Failures(ctx context.Context, jid string, f func(Failure)) error {
	return r.ofJob(ctx, jid, "SELECT minion, run, stamp FROM failures WHERE jid = ?", func(stmt *sqlite.Stmt) error {
		f(Failure{Minion: stmt.ColumnText(0), Run: stmt.ColumnInt64(1), Stamp: stmt.ColumnText(2)})
		return nil
	})
}

// each calls f with every row of a query.
func (r *Reader) each(ctx context.Context, query string, f func(*sqlite.Stmt) error, args ...any) error {
	defer r.until(ctx)()
	return r.wrap(ctx, sqlitex.Execute(r.conn, query, &sqlitex.ExecOptions{Args: args, ResultFunc: f}))
}

// Minions returns the evidence of every minion that anything was heard of, by id.
func (r *Reader) Minions(ctx context.Context) (map[string]Minion, error) {
	defer r.until(ctx)()
	minions := make(map[string]Minion)
	err := eachMinion(r.conn, func(id string, e evidence) { minions[id] = e.minion(id) })
	return minions, r.wrap(ctx, err)
}

func eachMinion(conn *sqlite.Conn, f func(id string, e evidence)) error {
	return sqlitex.Execute(conn, `SELECT id, alive_at, alive_by, asked_first, asked_last, asked_jid, listed, listed_at
		FROM minions`, &sqlitex.ExecOptions{ResultFunc: func(stmt *sqlite.Stmt) error {
		f(stmt.ColumnText(0), evidence{
			aliveAt: stmt.ColumnInt64(1), aliveBy: stmt.ColumnText(2),
			askedFirst: stmt.ColumnInt64(3), askedLast: stmt.ColumnInt64(4), askedJID: stmt.ColumnText(5),
			listed: Listing(stmt.ColumnInt64(6)), listedAt: stmt.ColumnInt64(7),
		})
		return nil
	}})
}

// metaInt reads a number of the table meta, 0 where there is none.
func metaInt(conn *sqlite.Conn, name string) (n int64, err error) {
	err = sqlitex.Execute(conn, "SELECT value FROM meta WHERE name = ?", &sqlitex.ExecOptions{
		Args:       []any{name},
		ResultFunc: func(stmt *sqlite.Stmt) error { n = stmt.ColumnInt64(0); return nil },
	})
	return n, err
}

// statusQuery is one statement, for each costs every question some hundredths of a millisecond:
// what meta has, how many messages wait, and when the newest hole ended in which events were not
// heard.
const statusQuery = "SELECT name, value FROM meta WHERE name < '" + tallies + "'" +
	" UNION ALL SELECT 'waiting', sum(messages) FROM waiting" +
	" UNION ALL SELECT 'missed', max(until) FROM holes WHERE reason NOT IN ('" + Asked + "', '" + MaxSize + "')"

// Status says what the cache knows, at the time now.
func (r *Reader) Status(ctx context.Context, now time.Time) (Status, error) {
	s := Status{Skipped: make(map[string]int64)}
	listening := false
	err := r.each(ctx, statusQuery, func(stmt *sqlite.Stmt) error {
		switch name := stmt.ColumnText(0); {
		case name == "pid":
			s.PID = stmt.ColumnInt(1)
		case name == "listening":
			listening = stmt.ColumnBool(1)
		case name == "heartbeat":
			s.Heartbeat = micros(stmt.ColumnInt64(1))
		case name == "presence_at":
			s.PresenceAt = micros(stmt.ColumnInt64(1))
		case name == "era":
			s.Era = Era(stmt.ColumnInt64(1))
		case name == "repair.done":
			s.Repair.Done = stmt.ColumnInt64(1)
		case name == "repair.all":
			s.Repair.All = stmt.ColumnInt64(1)
		case name == "repair.jobs":
			s.Repair.Jobs = stmt.ColumnInt64(1)
		case name == "count.repaired.jobs":
			s.Repaired = stmt.ColumnInt64(1)
		case name == "count.events":
			s.Events = stmt.ColumnInt64(1)
		case name == "count.reconnects":
			s.Reconnects = stmt.ColumnInt64(1)
		case name == "last_event":
			s.LastEvent = micros(stmt.ColumnInt64(1))
		case strings.HasPrefix(name, "count.skipped."):
			s.Skipped[strings.TrimPrefix(name, "count.skipped.")] = stmt.ColumnInt64(1)
		case name == "waiting":
			s.Waiting = stmt.ColumnInt64(1)
		case name == "missed":
			s.Missed = micros(stmt.ColumnInt64(1))
		}
		return nil
	})
	if err != nil {
		return s, err
	}
	s.Listening = listening && now.Sub(s.Heartbeat).Abs() < staleAfter // the clock may have been set back
	defer r.until(ctx)()
	s.Holes, err = holes(r.conn, "WHERE filled = 0 AND reason <> '"+Asked+"'")
	return s, r.wrap(ctx, err)
}

// Count tells how many jobs, whose load is known, and returns the cache holds.
func (r *Reader) Count(ctx context.Context) (jobs, returns int64, err error) {
	err = r.each(ctx, "SELECT (SELECT count(*) FROM jobs WHERE source > 0), (SELECT count(*) FROM returns)",
		func(stmt *sqlite.Stmt) error {
			jobs, returns = stmt.ColumnInt64(0), stmt.ColumnInt64(1)
			return nil
		})
	return jobs, returns, err
}

// Extent is how much a store takes, and how far back it goes.
type Extent struct {
	// File, Log (the write-ahead log) and Used (what the file would take without its free
	// pages, which is what Limits.MaxSize bounds) are in bytes.
	File, Log, Used int64
	// Oldest is when the oldest job was announced, zero where there is none.
	Oldest time.Time
}

// Extent measures the store.
func (r *Reader) Extent(ctx context.Context) (e Extent, err error) {
	for name, size := range map[string]*int64{r.path: &e.File, r.path + "-wal": &e.Log} {
		info, err := os.Stat(name)
		if err == nil {
			*size = info.Size()
		} else if !errors.Is(err, fs.ErrNotExist) {
			return e, fmt.Errorf("read job cache: %w", err)
		}
	}
	defer r.until(ctx)()
	if e.Used, err = used(r.conn); err != nil {
		return e, r.wrap(ctx, err)
	}
	err = r.each(ctx, "SELECT stamp FROM jobs WHERE source > 0 ORDER BY jid LIMIT 1", func(stmt *sqlite.Stmt) error {
		e.Oldest = micros(stmt.ColumnInt64(0))
		return nil
	})
	return e, err
}

// Snapshot lets f put questions that are all answered from one state of the store, whatever
// is written meanwhile. As long as f runs, the log cannot move into the file.
func (r *Reader) Snapshot(ctx context.Context, f func() error) (err error) {
	defer r.until(ctx)()
	if err := sqlitex.ExecuteTransient(r.conn, "BEGIN", nil); err != nil {
		return r.wrap(ctx, err)
	}
	defer func() {
		r.interruptBy(nil) // ROLLBACK is for an ended ctx as well
		err = errors.Join(err, r.wrap(ctx, sqlitex.ExecuteTransient(r.conn, "ROLLBACK", nil)))
	}()
	return f()
}
