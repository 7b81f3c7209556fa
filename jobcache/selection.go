package jobcache

import "strings"

// Selection says which jobs are asked for, and in which order; the zero Selection is all of
// them, by jid.
type Selection struct {
	// From and To bound the first 20 digits of the jid, inclusively; empty: no bound.
	From, To string
	// Newest asks for the newest jobs first.
	Newest bool
	// After is a jid, within the bounds, that an earlier question has come to: the jobs asked for
	// stand behind it in that order. Empty: all do.
	After string
	// Fun, if not nil, tells whether the jobs of a function are wanted. It is asked once for
	// each name; "" stands for what is not known.
	Fun func(name string) bool
}

// behind is a text that stands behind all jids with the first 20 digits of To.
func (s *Selection) behind() string {
	if s.To == "" {
		return ":" // behind the digits
	}
	return s.To + afterPID
}

// afterPID stands behind _, which a pid follows.
const afterPID = "`"

// keys are the first key inside the bounds, and one behind the last.
func (s *Selection) keys() (first, behind []byte) {
	first, behind = bound(s.From, '0'), append(bound(s.To, '9'), afterPID...)
	if after, err := appendKey(nil, s.After); err == nil {
		if s.Newest {
			return first, after
		}
		return append(after, 0), behind // the first key behind that one
	}
	return first, behind
}

// within tells whether a jid is inside the bounds.
func (s *Selection) within(jid string) bool {
	return jid >= s.From && jid < s.behind() && (s.After == "" || s.order(jid, s.After) > 0)
}

// order compares jids.
func (s *Selection) order(a, b string) int {
	if s.Newest {
		a, b = b, a
	}
	return strings.Compare(a, b)
}
