package master

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// KeyState is what became of a minion's key, by the name of its folder in pki_dir.
type KeyState string

// The states of a key.
const (
	Accepted KeyState = "minions"
	Pending  KeyState = "minions_pre"
	Rejected KeyState = "minions_rejected"
	Denied   KeyState = "minions_denied"
)

// ErrKeys is returned when the minions' keys cannot be listed.
var ErrKeys = errors.New("minion keys")

// Keys lists the ids whose key is in that state, as salt-key does: by their names in
// lower case, without what cannot be an id. Errors are ErrKeys; the folder of the
// accepted ones missing is one, as a master makes it before anything else.
func (c *Config) Keys(state KeyState) ([]string, error) {
	dir := c.PkiDir
	if c.ClusterID != "" {
		dir = c.ClusterPkiDir
	}
	dir = filepath.Join(dir, string(state))
	files, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) && state != Accepted {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeys, err)
	}
	ids := make([]string, 0, len(files))
	for _, file := range files {
		if file.Type().IsRegular() && validID(file.Name()) {
			ids = append(ids, file.Name())
		}
	}
	slices.SortFunc(ids, func(a, b string) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a), strings.ToLower(b)), cmp.Compare(a, b))
	})
	return ids, nil
}

// AcceptedKeys is Keys(Accepted).
func (c *Config) AcceptedKeys() ([]string, error) { return c.Keys(Accepted) }

// validID tells whether a file's name can be a minion's id (salt.utils.verify.valid_id).
func validID(name string) bool {
	return !strings.HasPrefix(name, ".") && !strings.ContainsAny(name, "/\\\x00")
}
