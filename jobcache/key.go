package jobcache

import (
	"encoding/hex"
	"errors"
	"fmt"
)

// A jid is kept as a blob of its 20 digits, two in a byte, and of the pid that may follow as
// text: half as long as the jid, in the same order, and hex() in SQL shows it.

// jidDigits is how many digits a jid begins with.
const jidDigits = 20

// errKey is returned for what is no jid: nothing is kept under it.
var errKey = errors.New("not a jid")

// appendKey appends the key of a jid to dst; errKey where it is none.
func appendKey(dst []byte, jid string) ([]byte, error) {
	if !ValidJID(jid) {
		return dst, fmt.Errorf("%q: %w", jid, errKey)
	}
	return append(appendDigits(dst, jid[:jidDigits]), jid[jidDigits:]...), nil
}

// appendDigits appends digits, of which there is an even number, two in a byte.
func appendDigits(dst []byte, digits string) []byte {
	for i := 0; i < len(digits); i += 2 {
		dst = append(dst, (digits[i]-'0')<<4|(digits[i+1]-'0'))
	}
	return dst
}

// jidOf undoes appendKey.
func jidOf(key []byte) string {
	if len(key) < jidDigits/2 {
		return hex.EncodeToString(key) // damaged
	}
	var buf [2 * jidDigits]byte
	jid := hex.AppendEncode(buf[:0], key[:jidDigits/2])
	return string(append(jid, key[jidDigits/2:]...))
}

// bound is the key of a bound of jids; fill stands for what it lacks of 20 digits.
func bound(jid string, fill byte) []byte {
	var digits [jidDigits]byte
	for i := range digits {
		if i < len(jid) && jid[i] >= '0' && jid[i] <= '9' {
			digits[i] = jid[i]
			continue
		}
		for ; i < jidDigits; i++ {
			digits[i] = fill
		}
		break
	}
	return appendDigits(make([]byte, 0, jidDigits/2+1), string(digits[:]))
}
