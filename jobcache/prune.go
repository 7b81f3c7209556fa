package jobcache

import (
	"context"
	"fmt"
	"time"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// Prune takes out jobs that were announced before the given time, the oldest first, with
// their returns, up to most of them, and tells how many that were.
func (w *Writer) Prune(ctx context.Context, before time.Time, most int) (n int, err error) {
	err = w.Update(ctx, func(tx *Tx) error {
		old, err := tx.oldest(before.UnixMicro(), most)
		if err != nil {
			return fmt.Errorf("prune the job cache: %w", err)
		}
		for _, jid := range old {
			for _, table := range []string{"jobs", "returns", "failures"} {
				if err := tx.run("DELETE FROM "+table+" WHERE jid = ?", jid); err != nil {
					return fmt.Errorf("prune the job cache: %w", err)
				}
			}
			delete(w.known, jid)
		}
		n = len(old)
		return nil
	})
	return n, err
}

// oldest looks at the first jobs by jid, which is by time, and returns the jids of those
// from before.
func (tx *Tx) oldest(before int64, most int) (jids []string, err error) {
	err = sqlitex.Execute(tx.w.conn, "SELECT jid, stamp FROM jobs ORDER BY jid LIMIT ?", &sqlitex.ExecOptions{
		Args: []any{most},
		ResultFunc: func(stmt *sqlite.Stmt) error {
			if stmt.ColumnInt64(1) < before {
				jids = append(jids, stmt.ColumnText(0))
			}
			return nil
		},
	})
	return jids, err
}
