package output

import "gorun/value"

// row is an entry that was read and not printed yet.
type row struct {
	key string
	val value.Value
	own value.Map // what val points to, where it is a map
}

// ahead has rows read while those before are printed.
func ahead(rows value.Rows) value.Rows {
	return func(f func(key string, val value.Value) error) error {
		return value.Ahead(func(slots *value.Slots[row]) error {
			return rows(func(key string, val value.Value) error {
				row := slots.Next()
				row.key, row.val = key, val
				if m, ok := val.(*value.Map); ok {
					row.own.Entries = append(row.own.Entries[:0], m.Entries...)
					row.val = &row.own
				}
				return slots.Add(weight(val))
			})
		}, func(row *row) error { return f(row.key, row.val) })
	}
}

// weight is about how many bytes a value takes in memory.
func weight(v value.Value) int {
	const each = 32 // of an element beside its content
	n := each
	switch v := v.(type) {
	case string:
		n += len(v)
	case value.Bytes:
		n += len(v)
	case value.List:
		for _, e := range v {
			n += weight(e)
		}
	case *value.Map:
		for _, e := range v.Entries {
			n += each + weight(e.Val)
		}
	}
	return n
}
