package master

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"gorun/value"
)

// Gorun is what stands under the key gorun: of the master's configuration. Salt
// passes over a key that it does not know.
type Gorun struct {
	Source    string // where manage.* take their answer from: auto, cache or ping
	Transport string // what the event bus speaks: stream, zmq, or empty: found out
	// PingInterval is how often the subscriber itself asks all minions; 0: never.
	PingInterval time.Duration
	// Settle is how long Salt may take to write what it has announced.
	Settle time.Duration
	// QueueSize, MaxEventSize and MaxReturnSize are bytes: of what waits for the disk, of one
	// message of the bus, and of one return.
	QueueSize, MaxEventSize, MaxReturnSize int64
	// MaxMinions bounds the minions of one job.
	MaxMinions int64
	// MaxSize (bytes) and MaxJobs bound the job cache; 0 is without bound.
	MaxSize, MaxJobs int64
	// Metrics is where the subscriber serves them, host:port; empty: nowhere. MetricsMinions
	// adds those of each minion.
	Metrics        string
	MetricsMinions bool
}

// readGorun reads the key gorun:. A setting that does not exist is noted, one that
// cannot be is an error.
func (c *Config) readGorun() (Gorun, error) {
	g := Gorun{
		Source: "auto", Settle: 10 * time.Second, QueueSize: 64 << 20, MaxEventSize: 1<<24 - 1,
		MaxReturnSize: 64 << 20, MaxMinions: 1_000_000,
	}
	v, _ := c.opts.Get("gorun")
	if v == nil {
		return g, nil
	}
	m, ok := v.(*value.Map)
	if !ok {
		return g, fmt.Errorf("gorun is %s, not a map of settings", kindOf(v))
	}
	for _, e := range m.Entries {
		var err error
		switch e.Key {
		case "source":
			err = choose(&g.Source, e, "auto", "cache", "ping")
		case "transport":
			err = choose(&g.Transport, e, "stream", "zmq")
		case "ping_interval":
			err = seconds(&g.PingInterval, e)
		case "settle":
			err = seconds(&g.Settle, e)
		case "queue_size":
			err = size(&g.QueueSize, e, 1<<20)
		case "max_event_size":
			err = size(&g.MaxEventSize, e, 1<<10)
		case "max_return_size":
			err = size(&g.MaxReturnSize, e, 1<<10)
		case "max_minions":
			err = size(&g.MaxMinions, e, 1)
		case "max_size":
			err = size(&g.MaxSize, e, 0)
		case "max_jobs":
			err = size(&g.MaxJobs, e, 0)
		case "metrics":
			err = address(&g.Metrics, e)
		case "metrics_minions":
			err = flag(&g.MetricsMinions, e)
		default:
			c.note(slog.LevelWarn, "gorun has no setting %s", kindOf(e.Key))
		}
		if err != nil {
			return g, err
		}
	}
	return g, nil
}

// seconds takes a setting that is a time in seconds.
func seconds(into *time.Duration, e value.Entry) error {
	number, _, ok := numberOf(e.Val)
	if !ok || number < 0 || number > 1e6 {
		return fmt.Errorf("gorun: %s is %s, not a number of seconds", e.Key, kindOf(e.Val))
	}
	*into = time.Duration(number * float64(time.Second))
	return nil
}

// size takes a setting that is a number, or bytes with their unit (500MB, 2GiB), of least
// at the least.
func size(into *int64, e value.Entry, least int64) error {
	units := []struct {
		name  string
		bytes int64
	}{
		{"kib", 1 << 10}, {"mib", 1 << 20}, {"gib", 1 << 30}, {"kb", 1e3}, {"mb", 1e6}, {"gb", 1e9},
		{"k", 1 << 10}, {"m", 1 << 20}, {"g", 1 << 30}, {"b", 1}, {"", 1},
	}
	text, _ := scalarText(e.Val)
	text = strings.ToLower(strings.ReplaceAll(text, " ", ""))
	for _, u := range units {
		digits, found := strings.CutSuffix(text, u.name)
		if !found {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.bytes || n*u.bytes < least {
			break
		}
		*into = n * u.bytes
		return nil
	}
	return fmt.Errorf("gorun: %s is %s, not a size of at least %d (500MB, 2GiB)", e.Key, kindOf(e.Val), least)
}

// address takes a setting that is where to listen. False and null are nowhere.
func address(into *string, e value.Entry) error {
	if e.Val == nil || e.Val == false {
		*into = ""
		return nil
	}
	text, ok := scalarText(e.Val)
	at, err := ListenAddress(text)
	if err != nil || !ok {
		return fmt.Errorf("gorun: %s is %s, not where to listen (9757, \"127.0.0.1:9757\")", e.Key, kindOf(e.Val))
	}
	*into = at
	return nil
}

// errAddress is returned for what is no address to listen at.
var errAddress = errors.New("not host:port, nor a port")

// ListenAddress reads host:port, or a port alone, which is one of the loopback interface: to
// be reached by other machines has to be written out. Empty text stays so.
func ListenAddress(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	host, port := "", text
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return "", fmt.Errorf("%s: %w", text, errAddress)
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return "", fmt.Errorf("%s: %w", text, errAddress)
	}
	return net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port), nil
}

// flag takes a setting that is True or False.
func flag(into *bool, e value.Entry) error {
	on, ok := e.Val.(bool)
	if !ok {
		return fmt.Errorf("gorun: %s is %s, not True or False", e.Key, kindOf(e.Val))
	}
	*into = on
	return nil
}

// choose takes a setting's text, which must be one of the choices.
func choose(into *string, e value.Entry, choices ...string) error {
	text, ok := e.Val.(string)
	if !ok || !slices.Contains(choices, text) {
		return fmt.Errorf("gorun: %s is %s, can be %s", e.Key, kindOf(e.Val), strings.Join(choices, ", "))
	}
	*into = text
	return nil
}
