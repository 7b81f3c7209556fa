// Package live shows on a terminal what the job cache tells of a master at this moment:
// minions, running jobs, the newest jobs and returns. It looks into the store once a second,
// opens it anew for each look and holds nothing in between; what is shown comes from the
// functions of runners where they have it. It never follows the bus itself.
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"gorun/jobcache"
	"gorun/output"
	"gorun/runners"
)

// Store is what is asked of an open job cache; jobcache.Reader documents the methods.
type Store interface {
	runners.Cache
	ReturnStamps(ctx context.Context, jid string, f func(minion string, stamp int64) error) error
	Return(ctx context.Context, jid, minion string) (*jobcache.Return, error)
	io.Closer
}

var _ Store = (*jobcache.Reader)(nil)

// Config says what is shown.
type Config struct {
	// Title names the master.
	Title string
	// Open opens the store, for one look.
	Open func() (Store, error)
	// Env is what the runners know besides the store: Cache, Now and the master's age are
	// set for each look.
	Env *runners.Env
	// Output prints a return, with the outputter that Outputter chooses for an answer.
	Output    *output.Options
	Outputter func(*runners.Answer) string
	// Color asks for colours. Without them, inverse and bold text stay.
	Color bool
}

// every is how often the store is looked at.
const every = time.Second

// Run shows the store until the user ends it. Errors are those of the first opening
// (jobcache.ErrNoStore), that of ctx, and the terminal's.
func Run(ctx context.Context, in io.Reader, out io.Writer, cfg Config) error {
	first, err := cfg.Open()
	if err != nil {
		return err
	}
	if err := first.Close(); err != nil && !errors.Is(err, jobcache.ErrChanged) {
		return err
	}
	opts := []tea.ProgramOption{tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithoutSignalHandler()}
	if !cfg.Color {
		opts = append(opts, tea.WithColorProfile(colorprofile.ASCII))
	}
	look := newLooker(ctx, cfg)
	_, err = tea.NewProgram(newModel(look, cfg.Title), opts...).Run()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		return fmt.Errorf("terminal: %w", err)
	}
	return nil
}
