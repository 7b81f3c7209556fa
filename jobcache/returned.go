package jobcache

import (
	"context"

	"zombiezen.com/go/sqlite"
)

// ReturnStamps calls f with each minion that has returned to a job and with the Stamp of that
// return, by minion. The returns themselves are not read.
func (r *Reader) ReturnStamps(ctx context.Context, jid string, f func(minion string, stamp int64) error) error {
	return r.ofJob(ctx, jid, "SELECT minion, stamp FROM returns WHERE jid = ?1 ORDER BY minion", func(stmt *sqlite.Stmt) error {
		return f(stmt.ColumnText(0), stmt.ColumnInt64(1))
	})
}

// Return returns what one minion returned to a job, nil where it has not.
func (r *Reader) Return(ctx context.Context, jid, minion string) (found *Return, err error) {
	err = r.returns(ctx, jid, "jid = ?1 AND minion = ?2", func(ret *Return) error {
		found = ret // no other one is read into the same memory
		return nil
	}, minion)
	return found, err
}
