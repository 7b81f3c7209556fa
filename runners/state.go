package runners

// What tells of what happens while it happens has no Run: the command line listens, and has
// the help and the parameters from here.

var stateEvent = &Func{
	Name: "state.event",
	Doc: `Print the events of the bus as they come, until enough have.

Each is its tag, a tab, and its data as JSON. Events are read without asking the
master for anything; salt-run's own two events of this call are not among them.

tagmatch
    The tags that are wanted, a glob or else a regular expression (default *).
count
    End after so many; -1 (the default) never ends.
quiet
    Print no events: just wait for them.
sock_dir
    Where the socket is, if not where the configuration says.
pretty
    Print each event's data over several lines, its keys in order.
node
    master, or minion for the bus of the minion on this machine.`,
	Params: optional("tagmatch", "*", "count", int64(-1), "quiet", false, "sock_dir", nil, "pretty", false, "node", "master"),
}
