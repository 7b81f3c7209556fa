package runners

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// errTime is returned when a text is no time, or more than one.
var errTime = errors.New("not a time")

// parseTime reads a time in most ways of writing one, as dateutil.parser.parse does with
// its defaults: month before day where both could be, what is missing taken from the day
// of now at midnight. The result has no zone of its own, like a jid; a text with a zone is
// an error, for Salt cannot compare one with a jid.
func parseTime(s string, now time.Time) (time.Time, error) {
	p := timeParser{tokens: timeTokens(s), month: -1, weekday: -1}
	for p.pos < len(p.tokens) {
		if !p.step() {
			return time.Time{}, fmt.Errorf("%w: %q", errTime, s)
		}
	}
	t, ok := p.time(now)
	if !ok {
		return time.Time{}, fmt.Errorf("%w: %q", errTime, s)
	}
	return t, nil
}

// timeTokens splits a text into runs of digits (with a fraction), runs of letters, and
// single other characters; blanks only separate.
func timeTokens(s string) []string {
	var tokens []string
	kind := func(r rune) int {
		switch {
		case unicode.IsDigit(r):
			return 1
		case unicode.IsLetter(r):
			return 2
		}
		return 0
	}
	start, last := -1, 0
	for i, r := range s {
		k := kind(r)
		if start >= 0 && k == last && k != 0 {
			continue
		}
		if start >= 0 {
			tokens = append(tokens, s[start:i])
		}
		start, last = i, k
		if unicode.IsSpace(r) {
			start = -1
		}
	}
	if start >= 0 {
		tokens = append(tokens, s[start:])
	}
	return tokens
}

type timeParser struct {
	tokens []string
	pos    int

	date         []datePart // year, month and day, in the order of the text
	month        int        // index in date of a month given by name, or -1
	weekday      int        // or -1
	hour, minute int
	second, nano int
	timed        bool
	meridian     string // am, pm or empty
}

// datePart is one number of a date; digits is how many it was written with.
type datePart struct{ n, digits int }

// at looks at the token i places on.
func (p *timeParser) at(i int) string {
	if p.pos+i >= 0 && p.pos+i < len(p.tokens) {
		return p.tokens[p.pos+i]
	}
	return ""
}

// step reads what comes next; false where it makes no sense.
func (p *timeParser) step() bool {
	tok := p.at(0)
	if tok[0] >= '0' && tok[0] <= '9' {
		return p.number(tok)
	}
	word := strings.ToLower(tok)
	p.pos++
	switch {
	case word == "am" || word == "a":
		return p.half("am")
	case word == "pm" || word == "p":
		return p.half("pm")
	case monthOf(word) > 0:
		return p.named(monthOf(word))
	case weekdayOf(word) >= 0:
		p.weekday = weekdayOf(word)
		return true
	}
	switch word {
	case ",", ";", ".", "-", "/", "'", "t", "at", "on", "and", "ad", "of", "st", "nd", "rd", "th", "m":
		return true
	}
	return false
}

func (p *timeParser) half(meridian string) bool {
	p.meridian = meridian
	return p.timed && p.hour <= 12
}

func (p *timeParser) named(month int) bool {
	if p.month >= 0 {
		return false
	}
	p.month = len(p.date)
	p.date = append(p.date, datePart{month, 0})
	return true
}

// number reads a time with colons, an hour by itself, a date written in one, or one part of
// a date.
func (p *timeParser) number(tok string) bool {
	n, err := strconv.Atoi(tok)
	if err != nil {
		return false
	}
	next := strings.ToLower(p.at(1))
	switch {
	case next == ":":
		return p.clock()
	case next == "am" || next == "pm" || next == "a" || next == "p" || next == "h":
		p.hour, p.timed = n, true
		p.pos++
		if next == "h" {
			p.pos++
		}
		return true
	case len(tok) == 8 || len(tok) == 14 || len(tok) == 12:
		return p.compact(tok)
	case len(p.date) == 3 && !p.timed && (len(tok) == 2 || len(tok) == 4 || len(tok) == 6):
		p.pos++
		return p.compactClock(tok)
	}
	p.pos++
	if len(p.date) == 3 || len(tok) > 4 && len(tok) != 6 {
		return false
	}
	if len(tok) == 6 { // three numbers of two digits
		for i := 0; i < 6; i += 2 {
			part, _ := strconv.Atoi(tok[i : i+2])
			p.date = append(p.date, datePart{part, 2})
		}
		return len(p.date) == 3
	}
	p.date = append(p.date, datePart{n, len(tok)})
	return true
}

// compact reads YYYYMMDD, with HHMM or HHMMSS behind it.
func (p *timeParser) compact(tok string) bool {
	if len(p.date) > 0 {
		return false
	}
	p.pos++
	for _, cut := range [][2]int{{0, 4}, {4, 6}, {6, 8}} {
		part, _ := strconv.Atoi(tok[cut[0]:cut[1]])
		p.date = append(p.date, datePart{part, cut[1] - cut[0]})
	}
	return len(tok) == 8 || p.compactClock(tok[8:])
}

// compactClock reads HH, HHMM or HHMMSS, and a fraction behind it.
func (p *timeParser) compactClock(tok string) bool {
	p.timed = true
	for i, field := range []*int{&p.hour, &p.minute, &p.second} {
		if len(tok) >= 2*i+2 {
			*field, _ = strconv.Atoi(tok[2*i : 2*i+2])
		}
	}
	return len(tok) < 6 || p.fraction()
}

// clock reads h:m, h:m:s and h:m:s.f.
func (p *timeParser) clock() bool {
	if p.timed {
		return false
	}
	p.timed = true
	for i, field := range []*int{&p.hour, &p.minute, &p.second} {
		n, err := strconv.Atoi(p.at(0))
		if err != nil {
			return false
		}
		*field = n
		p.pos++
		if i == 2 || p.at(0) != ":" {
			break
		}
		p.pos++
	}
	return p.fraction()
}

// fraction reads the part of a second behind a point, to the microsecond.
func (p *timeParser) fraction() bool {
	digits := p.at(1)
	if p.at(0) != "." && p.at(0) != "," || digits == "" || digits[0] < '0' || digits[0] > '9' {
		return true
	}
	p.pos += 2
	micros, err := strconv.Atoi((digits + "000000")[:6])
	p.nano = micros * 1000
	return err == nil
}

// time puts the parts together.
func (p *timeParser) time(now time.Time) (time.Time, bool) {
	if len(p.date) == 0 && !p.timed && p.weekday < 0 {
		return time.Time{}, false
	}
	year, month, day := now.Year(), now.Month(), now.Day()
	y, m, d, ok := p.resolve()
	if !ok || p.hour > 23 || p.minute > 59 || p.second > 59 {
		return time.Time{}, false
	}
	if y >= 0 {
		year = y
	}
	if m >= 0 {
		month = time.Month(m)
	}
	if d >= 0 {
		day = d
	} else if last := time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC).Day(); day > last {
		day = last
	}
	hour := p.hour
	switch {
	case p.meridian == "pm" && hour < 12:
		hour += 12
	case p.meridian == "am" && hour == 12:
		hour = 0
	}
	t := time.Date(year, month, day, hour, p.minute, p.second, p.nano, time.UTC)
	if t.Day() != day || t.Month() != month { // a day that the month does not have
		return time.Time{}, false
	}
	if p.weekday >= 0 && d < 0 {
		t = t.AddDate(0, 0, (p.weekday-int(t.Weekday())+7)%7)
	}
	return t, true
}

// resolve tells which number is the year, the month and the day; -1 for what is not given.
func (p *timeParser) resolve() (year, month, day int, ok bool) {
	year, month, day = -1, -1, -1
	rest := p.date
	if p.month >= 0 {
		month = p.date[p.month].n
		rest = append(append([]datePart{}, p.date[:p.month]...), p.date[p.month+1:]...)
	}
	isYear := func(d datePart) bool { return d.digits > 2 || d.n > 31 }
	switch {
	case len(rest) == 1 && !isYear(rest[0]):
		day = rest[0].n
	case len(rest) == 1:
		year = century(rest[0])
	case len(rest) == 2 && month >= 0: // day and year
		if isYear(rest[0]) {
			year, day = century(rest[0]), rest[1].n
		} else {
			day, year = rest[0].n, century(rest[1])
		}
	case len(rest) == 2:
		switch {
		case isYear(rest[0]):
			year, month = century(rest[0]), rest[1].n
		case isYear(rest[1]):
			month, year = rest[0].n, century(rest[1])
		default:
			month, day = rest[0].n, rest[1].n
		}
	case len(rest) == 3 && month < 0:
		year, month, day = threeNumbers(rest, isYear)
	case len(rest) > 2:
		return 0, 0, 0, false
	}
	return year, month, day, (month < 0 || month >= 1 && month <= 12) && (day < 0 || day >= 1 && day <= 31)
}

// threeNumbers tells year, month and day of a date in numbers alone: the year where it can
// only be one, else last; the month before the day unless it is too large.
func threeNumbers(rest []datePart, isYear func(datePart) bool) (year, month, day int) {
	a, b, c := rest[0], rest[1], rest[2]
	switch {
	case isYear(a):
		return century(a), b.n, c.n
	case a.n > 12:
		return century(c), b.n, a.n
	}
	return century(c), a.n, b.n
}

// century completes a year of two digits to the one nearest to the present.
func century(d datePart) int {
	if d.digits > 2 && d.n > 99 || d.digits > 3 {
		return d.n
	}
	now := time.Now().Year()
	year := now/100*100 + d.n
	switch {
	case year >= now+50:
		year -= 100
	case year < now-50:
		year += 100
	}
	return year
}

func monthOf(word string) int {
	for m := time.January; m <= time.December; m++ {
		name := strings.ToLower(m.String())
		if word == name || word == name[:3] || word == "sept" && m == time.September {
			return int(m)
		}
	}
	return 0
}

func weekdayOf(word string) int {
	for d := time.Sunday; d <= time.Saturday; d++ {
		name := strings.ToLower(d.String())
		if word == name || word == name[:3] {
			return int(d)
		}
	}
	return -1
}
