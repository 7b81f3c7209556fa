package master

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"gorun/value"
)

// Gorun is what stands under the key gorun: of the master's configuration. Salt
// passes over a key that it does not know.
type Gorun struct {
	Source    string // where manage.* take their answer from: auto, cache or ping
	Transport string // what the event bus speaks: stream, zmq, or empty: found out
}

// readGorun reads the key gorun:. A setting that does not exist is noted, one that
// cannot be is an error.
func (c *Config) readGorun() (Gorun, error) {
	g := Gorun{Source: "auto"}
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
		default:
			c.note(slog.LevelWarn, "gorun has no setting %s", kindOf(e.Key))
		}
		if err != nil {
			return g, err
		}
	}
	return g, nil
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
