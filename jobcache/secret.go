package jobcache

import (
	"bytes"
	"slices"

	"gorun/value"
)

// secretNames are the fields of a request to the master that prove who asks. A load holds
// none of them on the bus; Salt's own cache keeps whole requests (salt.master.ClearFuncs.publish),
// with what external authentication was given among the kwargs.
var secretNames = [][]byte{[]byte("key"), []byte("tok"), []byte("token"), []byte("eauth"), []byte("password")}

// withoutSecrets returns a load without such fields, at its top and in its kwargs; what
// is no map, as it is. An argument of the function is none of them, whatever its name:
// Salt shows it with the job.
func withoutSecrets(load value.Raw) value.Raw {
	if !slices.ContainsFunc(secretNames, func(name []byte) bool { return bytes.Contains(load, name) }) {
		return load
	}
	n, body := 0, []byte(nil)
	err := value.Entries(load, func(key, val value.Raw) error {
		name, _ := key.TextBytes()
		if slices.ContainsFunc(secretNames, func(secret []byte) bool { return bytes.Equal(name, secret) }) {
			return nil
		}
		if string(name) == "kwargs" {
			val = withoutSecrets(val)
		}
		n++
		body = append(append(body, key...), val...)
		return nil
	})
	if err != nil {
		return load
	}
	return append(value.AppendMap(nil, n), body...)
}
