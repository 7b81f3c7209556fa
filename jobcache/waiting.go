package jobcache

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"gorun/value"
)

// waitingPiece is about how many bytes of messages one row of the table waiting holds. Each
// is behind its length in 4 bytes, big-endian: the first is 0, not the mark of pack.
const waitingPiece = 1 << 20

// PutWaiting keeps messages of a bus of that era as they came, for a later writer to take
// apart: to write them takes a tenth of the time.
func (tx *Tx) PutWaiting(era Era, messages iter.Seq[[]byte]) error {
	var piece []byte
	n := int64(0)
	put := func() error {
		if n == 0 {
			return nil
		}
		err := tx.run("INSERT INTO waiting (era, messages, data) VALUES (?, ?, ?)", int64(era), n, tx.w.packer.pack(piece, texts{}))
		piece, n = piece[:0], 0
		return err
	}
	for msg := range messages {
		piece = append(binary.BigEndian.AppendUint32(piece, uint32(len(msg))), msg...) //nolint:gosec // a bus has no message of 4 GiB
		if n++; len(piece) >= waitingPiece {
			if err := put(); err != nil {
				return fmt.Errorf("keep what waits: %w", err)
			}
		}
	}
	if err := put(); err != nil {
		return fmt.Errorf("keep what waits: %w", err)
	}
	return nil
}

// TakeWaiting calls f with some of the messages that PutWaiting has kept, in the
// transaction in which they leave; more tells whether there may be others.
func (w *Writer) TakeWaiting(ctx context.Context, f func(tx *Tx, era Era, msg []byte) error) (more bool, err error) {
	err = w.Update(ctx, func(tx *Tx) error {
		id, era, data, err := firstWaiting(w.conn)
		if err != nil || data == nil {
			return err
		}
		more = true
		piece, err := new(packer).unpack(data, texts{})
		if err != nil {
			return err
		}
		for len(piece) > 0 {
			if len(piece) < 4 || int64(binary.BigEndian.Uint32(piece)) > int64(len(piece)-4) {
				return fmt.Errorf("what waits in the job cache: %w", value.ErrTruncated)
			}
			end := 4 + int(binary.BigEndian.Uint32(piece))
			if err := f(tx, era, piece[4:end:end]); err != nil {
				return err
			}
			piece = piece[end:]
		}
		return tx.run("DELETE FROM waiting WHERE id = ?", id)
	})
	return more && err == nil, err
}

func firstWaiting(conn *sqlite.Conn) (id int64, era Era, data []byte, err error) {
	err = sqlitex.Execute(conn, "SELECT id, era, data FROM waiting ORDER BY id LIMIT 1", &sqlitex.ExecOptions{
		ResultFunc: func(stmt *sqlite.Stmt) error {
			id, era, data = stmt.ColumnInt64(0), Era(stmt.ColumnInt64(1)), columnBytes(stmt, 2)
			return nil
		},
	})
	return id, era, data, err
}
