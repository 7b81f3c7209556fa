package jobcache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// File is the name of the store below the directory that is gorun's own.
const File = "jobs.db"

// schemaVersion stands in the file's user_version; applicationID tells gorun's files from
// others of SQLite ("goru").
const (
	schemaVersion = 3
	applicationID = 0x676f7275
)

// errOutdated is returned when an older gorun wrote the file.
var errOutdated = fmt.Errorf("%w: written by an older gorun; a subscriber makes a new one of salt's job cache", ErrForeign)

// busyTimeout is how long a process waits for another that is moving the log into the
// file. Readers never wait for a writer's transaction.
const busyTimeout = 10 * time.Second

const schema = `
CREATE TABLE jobs (
	jid       BLOB PRIMARY KEY, -- two digits in a byte; hex(jid) shows them
	fun       INTEGER NOT NULL, -- id of functions
	source    INTEGER NOT NULL, -- Source
	stamp     INTEGER NOT NULL, -- microseconds since 1970, of the event of source
	load      BLOB NOT NULL,    -- msgpack map, packed
	metadata  BLOB,             -- msgpack
	minions   BLOB,             -- msgpack list of text, packed
	announced TEXT              -- _stamp of a runner's announcement
) WITHOUT ROWID;
CREATE INDEX jobs_fun ON jobs (fun); -- and by jid within a function

CREATE TABLE functions (
	id   INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE   -- of several, with commas; empty: not known
);

CREATE TABLE returns (
	jid     BLOB NOT NULL,      -- as in jobs
	minion  TEXT NOT NULL,
	stamp   INTEGER NOT NULL,   -- microseconds since 1970
	form    INTEGER NOT NULL,   -- 0: as the bus carried it, 1: likewise, but cut, 2: as Salt's cache has it
	event   BLOB NOT NULL,      -- msgpack map, packed
	PRIMARY KEY (jid, minion)
) WITHOUT ROWID;
CREATE INDEX cut ON returns (jid, minion) WHERE form = 1;

-- States that failed, as the master tells of each by itself behind the return.
CREATE TABLE failures (
	jid    BLOB NOT NULL,       -- as in jobs
	minion TEXT NOT NULL,
	run    INTEGER NOT NULL,    -- __run_num__
	stamp  TEXT NOT NULL,       -- _stamp of the event
	PRIMARY KEY (jid, minion, run)
) WITHOUT ROWID;

-- The newest signs of each minion; times in microseconds since 1970, 0 for none.
CREATE TABLE minions (
	id          TEXT PRIMARY KEY,
	alive_at    INTEGER NOT NULL DEFAULT 0,
	alive_by    TEXT NOT NULL DEFAULT '', -- tag of the event
	asked_first INTEGER NOT NULL DEFAULT 0, -- find_job since the last sign of life
	asked_last  INTEGER NOT NULL DEFAULT 0,
	asked_jid   TEXT NOT NULL DEFAULT '',
	listed      INTEGER NOT NULL DEFAULT 0, -- Listing
	listed_at   INTEGER NOT NULL DEFAULT 0  -- since when it is so
) WITHOUT ROWID;

-- Messages of the bus that a subscriber was told to end with, as they came.
CREATE TABLE waiting (
	id       INTEGER PRIMARY KEY,
	era      INTEGER NOT NULL,  -- Era
	messages INTEGER NOT NULL,
	data     BLOB NOT NULL      -- each behind its length in 4 bytes; packed
);

-- When a subscriber listened, and when events were missed; times as above.
CREATE TABLE spans (
	start INTEGER PRIMARY KEY,
	until INTEGER NOT NULL
);
CREATE TABLE holes (
	id     INTEGER PRIMARY KEY,
	start  INTEGER NOT NULL,           -- 0: nothing was heard before
	until  INTEGER NOT NULL,           -- 0: it lasts
	reason TEXT NOT NULL,
	events INTEGER NOT NULL,           -- how many are missing, 0 where that is not known
	looked INTEGER NOT NULL DEFAULT 0, -- when Salt's cache was looked at last
	filled INTEGER NOT NULL DEFAULT 0, -- when all had been found there
	again  INTEGER NOT NULL DEFAULT 0  -- when to look once more for returns that are still missing
);

CREATE TABLE meta (
	name  TEXT PRIMARY KEY,
	value NOT NULL
) WITHOUT ROWID;
`

// openFile opens the store with flags and checks that it is one.
func openFile(path string, flags sqlite.OpenFlags) (*sqlite.Conn, error) {
	conn, err := sqlite.OpenConn(path, flags)
	if err != nil {
		return nil, fmt.Errorf("open job cache %s: %w", path, err)
	}
	conn.SetBusyTimeout(busyTimeout)
	return conn, nil
}

// pragma reads an integer setting.
func pragma(conn *sqlite.Conn, name string) (int64, error) {
	stmt, _, err := conn.PrepareTransient("PRAGMA " + name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = stmt.Finalize() }() // an error of Step is repeated here
	return sqlitex.ResultInt64(stmt)
}

// checkVersion returns the version of the schema, 0 for an empty file.
func checkVersion(conn *sqlite.Conn, path string) (int64, error) {
	id, err := pragma(conn, "application_id")
	if err == nil && id != 0 && id != applicationID {
		return 0, fmt.Errorf("%s: %w: a database of something else", path, ErrForeign)
	}
	version, err2 := pragma(conn, "user_version")
	if err = errors.Join(err, err2); err != nil {
		if sqlite.ErrCode(err) == sqlite.ResultNotADB {
			return 0, fmt.Errorf("%s: %w: no database", path, ErrForeign)
		}
		return 0, fmt.Errorf("read job cache %s: %w", path, err)
	}
	if version > schemaVersion {
		return 0, fmt.Errorf("%s: %w: schema %d, known is %d", path, ErrForeign, version, schemaVersion)
	}
	if version != 0 && version < schemaVersion {
		return version, fmt.Errorf("%s: %w: schema %d, this gorun has %d", path, errOutdated, version, schemaVersion)
	}
	if version == 0 && id != 0 {
		return 0, fmt.Errorf("%s: %w: no schema", path, ErrForeign)
	}
	return version, checkWhole(conn, path)
}

// checkWhole is ErrDamaged for a file that ends within a page, which SQLite would read as if
// the rest were empty. What its log holds may be about to make that page whole.
func checkWhole(conn *sqlite.Conn, path string) error {
	log, err := os.Stat(path + "-wal")
	if err == nil && log.Size() > 0 {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("open job cache: %w", err)
	}
	size, err := pragma(conn, "page_size")
	if err != nil {
		return classify(err)
	}
	if info.Size()%size != 0 {
		return fmt.Errorf("%s: %w: it ends within a page", path, ErrDamaged)
	}
	return nil
}

// create makes the directory and an empty file before SQLite does, for their modes: job
// data holds secrets. SQLite gives the files beside it the mode and, as root, the owner of
// this one.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("make the job cache's directory: %w", err)
	}
	if err := checkPlace(path, true); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make the job cache: %w", err)
	}
	return f.Close()
}

// prepare brings an opened file to the current schema.
func prepare(conn *sqlite.Conn, path string) error {
	version, err := checkVersion(conn, path)
	if err != nil {
		return err
	}
	for _, p := range []string{
		"PRAGMA auto_vacuum = INCREMENTAL", // of an empty file; see giveBack
		"PRAGMA journal_mode = WAL",
		"PRAGMA journal_size_limit = 67108864", // bytes of the log that stay when it has grown
		"PRAGMA synchronous = NORMAL",          // a lost machine costs the last commits, never the file
		"PRAGMA wal_autocheckpoint = 4000",
		"PRAGMA cache_size = -16000", // KB: the pages of one transaction in a flood
	} {
		if err := sqlitex.ExecuteTransient(conn, p, nil); err != nil {
			return fmt.Errorf("prepare job cache %s: %w", path, err)
		}
	}
	if version == schemaVersion {
		return nil
	}
	script := fmt.Sprintf("%s\nPRAGMA application_id = %d;\nPRAGMA user_version = %d;", schema, applicationID, schemaVersion)
	if err := sqlitex.ExecuteScript(conn, script, nil); err != nil {
		return fmt.Errorf("prepare job cache %s: %w", path, err)
	}
	return nil
}
