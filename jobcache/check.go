package jobcache

import (
	"context"
	"fmt"

	"zombiezen.com/go/sqlite"
)

// Check looks through the whole store, which takes about as long as reading the file does.
// The error is ErrDamaged, with the first things that are not as they must be.
func (r *Reader) Check(ctx context.Context) error {
	const most = 3
	found := ""
	err := r.each(ctx, fmt.Sprintf("PRAGMA integrity_check(%d)", most), func(stmt *sqlite.Stmt) error {
		if said := stmt.ColumnText(0); said != "ok" {
			found += ": " + said
		}
		return nil
	})
	if err == nil && found == "" {
		err = r.each(ctx, "SELECT count(*) FROM jobs WHERE fun NOT IN (SELECT id FROM functions)", func(stmt *sqlite.Stmt) error {
			if n := stmt.ColumnInt64(0); n > 0 {
				found = fmt.Sprintf(": %d jobs of functions that have no name", n)
			}
			return nil
		})
	}
	if err != nil {
		return classify(err) // damage may keep it from being looked through at all
	}
	if found != "" {
		return fmt.Errorf("%w: %s%s", ErrDamaged, r.path, found)
	}
	return nil
}
