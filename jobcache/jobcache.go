// Package jobcache is gorun's store of what a Salt master's bus has told: jobs, their
// returns, and signs of life and absence of minions. One process writes it, any number
// read it at the same time. It knows Salt's data, and nothing of the bus.
//
// The order in which events arrive does not matter to the state they end in: a return
// that comes twice, or before its job was announced, changes nothing.
package jobcache

import (
	"errors"
	"time"

	"gorun/value"
)

var (
	// ErrNoStore is returned when no subscriber has ever written a store at the path.
	ErrNoStore = errors.New("no job cache")
	// ErrLocked is returned when another process writes the store.
	ErrLocked = errors.New("job cache is being written by another process")
	// ErrForeign is returned when the file is no job cache of gorun, or one of a newer gorun.
	ErrForeign = errors.New("not a job cache that this gorun can read")
	// ErrUnsafe is returned when others than its owner could change the store or read its
	// secrets, or when a writer is not its owner.
	ErrUnsafe = errors.New("job cache is not its owner's alone")
	// ErrNetwork is returned when the store would lie on a file system of several machines.
	ErrNetwork = errors.New("job cache on a network file system")
	// ErrChanged is returned by Reader.Close when what was read may be of two moments.
	ErrChanged = errors.New("job cache changed while it was read: ask again")
	// ErrBlocked is returned when the store cannot be written now, and may be later: the disk
	// is full, or not to be had.
	ErrBlocked = errors.New("job cache cannot be written")
	// ErrDamaged is returned when the file of the store is not whole.
	ErrDamaged = errors.New("job cache is damaged")
	// ErrUnknownJob is returned when the cache holds no job of that jid.
	ErrUnknownJob = errors.New("no such job")
)

// Source tells which event a job's load was taken from. A higher one replaces a lower.
type Source int

const (
	// FromNothing means that something belongs to the job whose load is not known, or known from a
	// master below only: Salt keeps such a job once a return to it has come.
	FromNothing Source = iota
	// FromReturn means that nothing announced the job (salt-call, a schedule); Salt then takes the
	// first return for the load (salt.utils.job.store_job).
	FromReturn
	// FromRunner is the return of a runner on the master itself.
	FromRunner
	// FromNew is the announcement of the job.
	FromNew
)

// Job is what is known of a job, apart from its returns.
type Job struct {
	JID    string
	Fun    string
	Source Source
	// Stamp is when the event of Source was sent, in microseconds since 1970.
	Stamp int64
	// Load is the msgpack map of the load as Salt sent it, without its minions and its
	// return, which are kept apart. With FromNothing it is empty, or of a master below.
	Load value.Raw
	// Metadata is the msgpack of the job's metadata, or empty. It travels beside the load:
	// the announcement does not carry it.
	Metadata value.Raw
	// Minions are the ids that the job went to, in the order in which the master sent
	// them; nil where Salt keeps none.
	Minions []string
	// Announced is the _stamp of the announcement of a runner, or empty.
	Announced string
}

// CopyTo makes slot a copy of a listed job, in the memory that slot has, and returns the bytes
// of its load and metadata. Minions are shared.
func (job *Job) CopyTo(slot *Job) int {
	load, metadata := append(slot.Load[:0], job.Load...), append(slot.Metadata[:0], job.Metadata...)
	*slot = *job
	slot.Load, slot.Metadata = load, metadata
	return len(load) + len(metadata)
}

// Return is what one minion returned for a job.
type Return struct {
	Minion string
	// Stamp is when the master sent the event, in microseconds since 1970.
	Stamp int64
	// Event is the msgpack map of the return event, whole.
	Event value.Raw
	// Trimmed is set where the master cut the event (max_event_size): Event has
	// VALUE_TRIMMED in the place of what was too large.
	Trimmed bool
	// Kept is set where Event is not the bus's, but what Salt's own cache has of it: return,
	// retcode, success, out. Failed states have their marks there already (see Failure).
	Kept bool
	// Outcome is what Succeeded comes to, where whoever has made the Return has judged it.
	Outcome Outcome
}

// Failure is a failed state of a return, of which the master tells by an event of its own
// (salt.utils.event.fire_ret_load). Salt's cache keeps that event's _stamp in the state.
type Failure struct {
	Minion string
	// Run is the state's __run_num__.
	Run   int64
	Stamp string
}

// Era is a span of Salt's releases whose own salt-run answers alike.
type Era int

const (
	// Since3000 are the releases on Python 3, and those that are not known.
	Since3000 Era = iota
	// Python2 are 2016.3 to 2019.2 on Python 2.
	Python2
	// UpTo2015 are the releases with a ZeroMQ bus, up to 2015.8.
	UpTo2015
)

// Repair is how far a look through Salt's own cache is: Done of All folders, with Jobs
// taken. All is 0 where none is going on.
type Repair struct {
	Done, All, Jobs int64
}

// Status says what the cache knows, and from when.
type Status struct {
	// Listening is set while a subscriber runs and is connected to the bus.
	Listening bool
	// PID is the subscriber that last wrote the cache.
	PID int
	// Heartbeat is when a subscriber last said that it was connected; zero: never.
	Heartbeat time.Time
	// Events counts the messages of the bus that are in the cache, Skipped those that
	// could not be read, by reason.
	Events  int64
	Skipped map[string]int64
	// Reconnects counts the connections that a subscriber has taken up again.
	Reconnects int64
	// LastEvent is when the event was sent that was stored last, of those that the cache takes
	// something from; zero: none was.
	LastEvent time.Time
	// Waiting counts messages that the last subscriber has kept without taking them apart:
	// no answer knows of them until the next one does.
	Waiting int64
	// Holes are the times of which events are missing, as far as Salt's own cache has not
	// filled them.
	Holes []Hole
	// Missed is when the newest hole ended, filled or not. Salt's cache fills none with what is
	// no job: a minion's start, its authentication, its loss. Zero: nothing was missed.
	Missed time.Time
	// Repair is the look through Salt's cache that is going on; Repaired counts the jobs of which
	// such looks have found something that was missing.
	Repair   Repair
	Repaired int64
	// PresenceAt is when the newest presence list was sent; zero: none was.
	PresenceAt time.Time
	// Era is how old the master is, as far as its bus shows it.
	Era Era
}
