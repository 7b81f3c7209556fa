package listen

import (
	"crypto/md5"  //nolint:gosec // Salt's hash_type may say so
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"strings"
)

// ErrSocket is returned when it cannot be said which socket is meant.
var ErrSocket = errors.New("no such event socket")

// MasterSocket is the name of a master's bus in its sock_dir.
const MasterSocket = "master_event_pub.ipc"

// MinionSocket is the path of a minion's own bus in its sock_dir, named for a hash of its id
// by Salt's setting hash_type (salt.utils.event, and since 3008 salt.transport.base). Without
// an id it is the only one there. Errors are ErrSocket and those of reading the directory.
func MinionSocket(dir, id, hashType string) (string, error) {
	const before, behind = "minion_event_", "_pub.ipc"
	if id != "" {
		newHash, ok := hashes[hashType]
		if !ok {
			return "", fmt.Errorf("%w: hash_type %s", ErrSocket, hashType)
		}
		sum := newHash()
		sum.Write([]byte(id))
		return filepath.Join(dir, before+hex.EncodeToString(sum.Sum(nil))[:10]+behind), nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("find the minion's event socket: %w", err)
	}
	var found []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), before) && strings.HasSuffix(e.Name(), behind) {
			found = append(found, filepath.Join(dir, e.Name()))
		}
	}
	switch len(found) {
	case 0:
		return "", fmt.Errorf("%w: no minion has one in %s", ErrSocket, dir)
	case 1:
		return found[0], nil
	}
	return "", fmt.Errorf("%w: %d minions have one in %s, and no id was given", ErrSocket, len(found), dir)
}

// hashes are the hash functions that Salt's hash_type can name here.
var hashes = map[string]func() hash.Hash{
	"md5": md5.New, "sha1": sha1.New, "sha224": sha256.New224, "sha256": sha256.New, "sha384": sha512.New384, "sha512": sha512.New,
}
