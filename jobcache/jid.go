package jobcache

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ValidJID tells whether s has the form of a jid, as salt.utils.jid.is_jid has it: 20
// digits, with unique_jid followed by _ and a pid. (Salt lets anything follow the _;
// here it is digits, for a jid names rows and files.)
func ValidJID(s string) bool {
	if len(s) < 20 || !digits(s[:20]) {
		return false
	}
	return len(s) == 20 || s[20] == '_' && len(s) > 21 && len(s) <= 40 && digits(s[21:])
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// JIDTime writes the moment that a jid names as salt.utils.jid.jid_to_time does
// ("2026, Nov 22 07:38:29.407758"): empty for what has not the length of a jid. An
// error where the month is none, on which Salt raises IndexError or ValueError.
func JIDTime(jid string) (string, error) {
	if len(jid) != 20 && (len(jid) <= 21 || jid[20] != '_') {
		return "", nil
	}
	month, err := strconv.Atoi(strings.TrimSpace(jid[4:6])) // as Python's int
	if err != nil || month < 0 || month > 12 {
		return "", fmt.Errorf("jid %q: no month %q", jid, jid[4:6])
	}
	name := ""
	if month > 0 { // calendar.month_abbr[0] is empty
		name = time.Month(month).String()[:3]
	}
	return jid[:4] + ", " + name + " " + jid[6:8] + " " + jid[8:10] + ":" + jid[10:12] + ":" + jid[12:14] + "." + jid[14:20], nil
}

// ValidMinion tells whether id can be a minion's, as salt.utils.verify.valid_id has it: it
// would not leave a directory it names.
func ValidMinion(id string) bool {
	return id != "" && id != "." && id != ".." && len(id) <= 255 && !strings.ContainsAny(id, "/\\\x00")
}
