package runners

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gorun/jobcache"
	"gorun/value"
)

// Presence is what the master's machine tells of its minions' connections.
type Presence interface {
	// Peers are the addresses that minions may be connected from.
	Peers() (map[netip.Addr]bool, error)
	// CachedMinions lists the ids of the minions whose grains the master keeps.
	CachedMinions() ([]string, error)
	// Addresses lists the addresses in a minion's cached grains; none where there are no
	// such grains.
	Addresses(id string) ([]string, error)
}

// presenceSource chooses between the connections of this moment and presence events.
var presenceSource = Param{Name: "source", KeywordOnly: true}

const presenceDoc = `

subset
    A list of ids: no others are looked at.
show_ip
    Whether the address of each minion is shown (default False).
source
    auto (the default): the connections to publish_port on this machine, and whose
    cached grains have the address of one. All minions behind one address count as
    connected as soon as one of them is; those behind NAT never do. cache: by id, from
    the newest presence event that a subscriber has heard (presence_events: True).`

// presentFunc makes one of Salt's six names for the same question.
func presentFunc(name string) *Func {
	return &Func{
		Name: name,
		Doc: `List the minions that are connected to this master. Nothing is sent to them.

The same as manage.present, joined, allowed, alived, reaped and list_state.` + presenceDoc,
		Params: []Param{{Name: "subset"}, {Name: "show_ip", Default: false}, presenceSource},
		Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
			c, a, err := connected(ctx, env, args)
			if err != nil {
				return nil, err
			}
			ids := value.List{}
			addresses := value.NewMap()
			for _, id := range c.ids() {
				ids = append(ids, id)
				addresses.Entries = append(addresses.Entries, value.Entry{Key: id, Val: c[id]})
			}
			a.Value = ids
			if value.Truth(args[1]) {
				a.Value = addresses
			}
			return a, nil
		},
	}
}

// notPresentFunc makes one of Salt's six names for the opposite.
func notPresentFunc(name string) *Func {
	return &Func{
		Name: name,
		Doc: `List the accepted minions that are not connected to this master. Nothing is sent to them.

The same as manage.not_present, not_joined, not_allowed, not_alived, not_reaped and
list_not_state. show_ip is taken and means nothing, as in Salt.` + presenceDoc,
		Params: []Param{{Name: "subset"}, {Name: "show_ip", Default: false}, presenceSource},
		Run: func(ctx context.Context, env *Env, args Args) (*Answer, error) {
			c, a, err := connected(ctx, env, Args{nil, false, args[2]})
			if err != nil {
				return nil, err
			}
			accepted, err := env.Accepted()
			if err != nil {
				return nil, err
			}
			ids := value.List{}
			for _, id := range accepted {
				if _, ok := c[id]; ok {
					continue
				}
				in, err := inSubset(args[0], id)
				if err != nil {
					return nil, err
				}
				if in {
					ids = append(ids, id)
				}
			}
			a.Value = ids
			return a, nil
		},
	}
}

var (
	manageAlived    = presentFunc("manage.alived")
	manageAllowed   = presentFunc("manage.allowed")
	manageJoined    = presentFunc("manage.joined")
	manageListState = presentFunc("manage.list_state")
	managePresent   = presentFunc("manage.present")
	manageReaped    = presentFunc("manage.reaped")

	manageListNotState = notPresentFunc("manage.list_not_state")
	manageNotAlived    = notPresentFunc("manage.not_alived")
	manageNotAllowed   = notPresentFunc("manage.not_allowed")
	manageNotJoined    = notPresentFunc("manage.not_joined")
	manageNotPresent   = notPresentFunc("manage.not_present")
	manageNotReaped    = notPresentFunc("manage.not_reaped")
)

// connections are the addresses of the connected minions, by id; empty where only the id
// is known.
type connections map[string]string

// ids lists them, sorted.
func (c connections) ids() []string {
	ids := make([]string, 0, len(c))
	for id := range c {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

// connected finds the connected minions; args are subset, show_ip and source.
func connected(ctx context.Context, env *Env, args Args) (connections, *Answer, error) {
	subset, err := subsetIDs(args[0])
	if err != nil {
		return nil, nil, err
	}
	source := "auto"
	if value.Truth(args[2]) {
		source = text(args[2])
	}
	switch source {
	case "auto":
		return connectedNow(env, subset)
	case "cache":
		if value.Truth(args[1]) {
			return nil, nil, fmt.Errorf("%w: show_ip=True with source=cache, for presence events name no addresses", ErrArgument)
		}
		return listedPresent(ctx, env, subset)
	}
	return nil, nil, fmt.Errorf("%w: source=%s, which may be auto or cache", ErrArgument, source)
}

// connectedNow looks for the addresses of the cached grains among the connections, as
// salt.utils.minions.CkMinions.connected_ids does; nil is every minion.
func connectedNow(env *Env, subset []string) (connections, *Answer, error) {
	ids := subset
	if ids == nil {
		var err error
		if ids, err = env.Presence.CachedMinions(); err != nil {
			return nil, nil, err
		}
	}
	peers, err := env.Presence.Peers()
	if err != nil {
		return nil, nil, err
	}
	a := new(Answer)
	found := make(connections)
	for _, id := range ids {
		addresses, err := env.Presence.Addresses(id)
		if err != nil { // one minion's file; the others' are not worse for it
			a.Stale = true
			a.note("%v", err)
		}
		for _, text := range addresses {
			addr, err := netip.ParseAddr(text)
			if _, twice := found[id]; err == nil && peers[addr] && !twice {
				found[id] = text
			}
		}
	}
	return found, a, nil
}

// presenceFor is how long a presence list counts at least, however short loop_interval is.
const presenceFor = 5 * time.Minute

// listedPresent takes the minions from the newest presence event; nil is every minion.
func listedPresent(ctx context.Context, env *Env, subset []string) (connections, *Answer, error) {
	known, err := env.Cache.Status(ctx, env.Now)
	if err != nil {
		return nil, nil, err
	}
	if known.PresenceAt.IsZero() {
		return nil, nil, fmt.Errorf("%w: no presence event was heard (presence_events: True makes the master send them)", ErrStale)
	}
	minions, err := env.Cache.Minions(ctx)
	if err != nil {
		return nil, nil, err
	}
	a := new(Answer)
	a.behind(env, known)
	switch age := env.Now.Sub(known.PresenceAt); {
	case !known.Listening:
	case known.PresenceAt.Before(known.Missed):
		a.Stale = true
		a.note("the bus was not heard throughout up to %s, nor has it told of presence since", known.Missed.Local().Format(time.DateTime))
	case age > max(3*env.LoopInterval, presenceFor):
		a.Stale = true
		a.note("the newest presence event is %s old", age.Truncate(time.Second))
	}
	found := make(connections)
	for id, m := range minions {
		if m.Listed == jobcache.Present && (subset == nil || slices.Contains(subset, id)) {
			found[id] = ""
		}
	}
	return found, a, nil
}

// subsetIDs are the ids that Python's iteration over a subset gives: nil, for every
// minion, where it is false; the letters of a text. A *CallError where Python cannot.
func subsetIDs(subset value.Value) ([]string, error) {
	if !value.Truth(subset) {
		return nil, nil
	}
	ids := []string{}
	switch subset := subset.(type) {
	case value.List:
		for _, id := range subset {
			ids = append(ids, text(id))
		}
	case *value.Map:
		for _, e := range subset.Entries {
			ids = append(ids, text(e.Key))
		}
	case string:
		for _, letter := range subset {
			ids = append(ids, string(letter))
		}
	default:
		return nil, &CallError{fmt.Sprintf("'%s' object is not iterable", pythonType(subset))}
	}
	return ids, nil
}

// inSubset is Python's `id in subset`, and true where there is no subset. A *CallError
// where Python cannot.
func inSubset(subset value.Value, id string) (bool, error) {
	switch subset := subset.(type) {
	case nil:
		return true, nil
	case value.List:
		return slices.ContainsFunc(subset, func(v value.Value) bool { return value.Equal(v, id) }), nil
	case *value.Map:
		_, ok := subset.Get(id)
		return ok, nil
	case string:
		return strings.Contains(subset, id), nil
	}
	return false, &CallError{fmt.Sprintf("argument of type '%s' is not iterable", pythonType(subset))}
}

// pythonType is the name that Python has for a value's type.
func pythonType(v value.Value) string {
	switch v.(type) {
	case nil:
		return "NoneType"
	case string:
		return "str"
	case value.List:
		return "list"
	case *value.Map:
		return "dict"
	case bool:
		return "bool"
	case float64:
		return "float"
	case value.Bytes:
		return "bytes"
	}
	return "int"
}
