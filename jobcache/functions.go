package jobcache

import (
	"context"
	"maps"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// maxNames bounds how many names of functions are remembered.
const maxNames = 4096

// function is the id of a function's name.
func (tx *Tx) function(name string) (int64, error) {
	w := tx.w
	if id, ok := w.functions[name]; ok {
		return id, nil
	}
	if err := tx.run("INSERT OR IGNORE INTO functions (name) VALUES (?)", name); err != nil {
		return 0, err
	}
	id, err := tx.number("SELECT id FROM functions WHERE name = ?", name)
	if err != nil {
		return 0, err
	}
	if len(w.functions) >= maxNames {
		clear(w.functions)
	}
	w.functions[name] = id
	return id, nil
}

// dropFunctions forgets those of some functions that no job has any more.
func (tx *Tx) dropFunctions(ids map[int64]struct{}) error {
	w := tx.w
	for id := range ids {
		err := tx.run("DELETE FROM functions WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM jobs WHERE fun = ?1)", id)
		if err != nil {
			return err
		}
		if w.conn.Changes() > 0 {
			maps.DeleteFunc(w.functions, func(_ string, remembered int64) bool { return remembered == id })
		}
	}
	return nil
}

// functions returns the ids of the functions whose names f takes, sorted.
func (r *Reader) functions(ctx context.Context, f func(name string) bool) (ids []int64, err error) {
	err = r.each(ctx, "SELECT id, name FROM functions ORDER BY id", func(stmt *sqlite.Stmt) error {
		if f(stmt.ColumnText(1)) {
			ids = append(ids, stmt.ColumnInt64(0))
		}
		return nil
	})
	return ids, err
}

// function is the name of the function of an id.
func (r *row) function(id int64) (string, error) {
	if name, ok := r.names[id]; ok {
		return name, nil
	}
	name := ""
	err := sqlitex.Execute(r.conn, "SELECT name FROM functions WHERE id = ?", &sqlitex.ExecOptions{
		Args:       []any{id},
		ResultFunc: func(stmt *sqlite.Stmt) error { name = stmt.ColumnText(0); return nil },
	})
	if r.names == nil || len(r.names) == maxNames {
		r.names = make(map[int64]string)
	}
	r.names[id] = name
	return name, err
}
