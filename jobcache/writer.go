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

// flush writes what was gathered in memory.
func (tx *Tx) flush() error {
	if err := tx.flushEvidence(); err != nil {
		return err
	}
	if err := tx.flushCounts(); err != nil {
		return err
	}
	return tx.flushCounters(time.Now())
}
