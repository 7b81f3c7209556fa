package jobcache

import (
	"fmt"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// CheckMagic is what tests cannot reach without a network file system.
var CheckMagic = checkMagic

// Limit is a full disk: the store's file gets no more than so many pages.
func (w *Writer) Limit(pages int) error {
	return sqlitex.ExecuteTransient(w.conn, fmt.Sprintf("PRAGMA max_page_count = %d", pages), nil)
}

// Checkpoint moves the log into the file, as far as no reader needs it.
func (w *Writer) Checkpoint() (whole bool, err error) {
	err = sqlitex.ExecuteTransient(w.conn, "PRAGMA wal_checkpoint(PASSIVE)", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			whole = stmt.ColumnInt(1) == stmt.ColumnInt(2)
			return nil
		},
	})
	return whole, err
}

// Pages is how many pages the store's file has.
func (w *Writer) Pages() (int64, error) { return pragma(w.conn, "page_count") }
