package jobcache

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestKey: a key is its jid again, and keys are in the order of their jids.
func TestKey(t *testing.T) {
	jid := rapid.StringMatching(`2026112[0-9]{13}(_[1-9][0-9]{0,4})?`)
	rapid.Check(t, func(t *rapid.T) {
		a, b := jid.Draw(t, "a"), jid.Draw(t, "b")
		keyA, err := appendKey(nil, a)
		keyB, err2 := appendKey(nil, b)
		if err = errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		if got := jidOf(keyA); got != a {
			t.Errorf("%s comes back as %s", a, got)
		}
		if got := hex.EncodeToString(keyA); got[:20] != a[:20] {
			t.Errorf("hex() of the key of %s is %s", a, got)
		}
		if bytes.Compare(keyA, keyB) != strings.Compare(a, b) {
			t.Errorf("%s and %s have keys in another order", a, b)
		}
	})
	for _, bad := range []string{"", "req", "2026112207382940775", "2026112207382940775x", "20261122073829407758_"} {
		if key, err := appendKey(nil, bad); !errors.Is(err, errKey) {
			t.Errorf("%q has the key %x, %v", bad, key, err)
		}
	}
	jidOf([]byte{0x20}) // of a damaged store
}
