package scenario

import "slices"

// ArgumentQuestions returns calls with arguments of every kind, right and wrong, of every
// function that only asks. They are those of Salt 3006 and later.
func (d *Day) ArgumentQuestions() [][]string {
	ping, good, absent, tagged := d.JIDs["ping"], d.JIDs["good"], d.JIDs["absent"], d.JIDs["metadata"]
	const unknown = "20140101000000000000"
	var qs [][]string
	for _, fun := range []string{"jobs.list_job", "jobs.lookup_jid", "jobs.print_job", "jobs.exit_success"} {
		for _, args := range [][]string{
			{}, {""}, {"None"}, {"1234"}, {"jid=" + ping}, {ping, "jid=" + ping}, {ping, "local_cache"},
			{"ext_source=local_cache", "jid=" + good}, {"a", "b", "c", "d", "e", "f"}, {"[" + ping + "]"}, {"{}"},
			{unknown}, {unknown + "_7"}, {ping, "--out=json"}, {absent, "--out=yaml"},
		} {
			qs = append(qs, append([]string{fun}, args...))
		}
	}
	for _, args := range [][]string{
		{absent, "None", "False", "True"}, {absent, "returned=0", "missing=1"}, {absent, "returned=", "missing=x"},
		{absent, "missing=None"}, {tagged, "None", "no", "no"}, {ping, "--no-parse=jid"},
		{absent, "--out=nested", "missing=True"}, {good, "--out=highstate", "--state-output=terse"},
		{good, "--out=highstate", "--state-output=mixed", "--state-verbose=False"},
		{good, "--out=highstate", "--state-output=changes_id", "--force-color"},
		{ping, "--out=nested", "--out-indent=4"}, {ping, "--out=no_such_outputter"},
	} {
		qs = append(qs, append([]string{"jobs.lookup_jid"}, args...))
	}
	for _, args := range [][]string{
		{"local_cache"}, {"None", "json"}, {"None", "None", `{"ticket": "A-1"}`}, {"None", "None", "None", "test.ping", First},
		{"search_metadata=text"}, {"search_metadata=[1]"}, {"search_metadata=5"}, {"search_function=5"},
		{"search_function={test.ping: 1}"}, {"search_target={" + First + ": 1}"}, {"search_function=''"}, {"search_target=web-[0-9].*"},
		{"search_function=[]", "search_target=*,*"}, {"search_function=!x"}, {"start_time=5"}, {"start_time=2.5"}, {"end_time=[1]"},
		{"end_time={a: 1}"}, {"start_time=True"}, {"start_time=''", "end_time=None", "search_function=test.echo"},
		{"search_function=state.highstate", "outputter=txt"}, {"search_function=cmd.*", "outputter=no_such_outputter"},
		{"search_function=cmd.*", "--out=yaml", "outputter=json"}, {"search_function=cmd.*", "--out=pprint"},
		{"search_function=cmd.*", "display_progress=True"}, {"a", "b", "c", "d", "e", "f", "g", "h", "i"},
		{"search_function=test.ping", "search_function=cmd.run"}, {"--no-parse=search_function", "search_function=[cmd.run]"},
	} {
		qs = append(qs, append([]string{"jobs.list_jobs"}, args...))
	}
	for _, args := range [][]string{
		{}, {"0"}, {"1"}, {"count=3"}, {"2.5"}, {"True"}, {"text"}, {"None"}, {"[1]"}, {"{a: 1}"}, {"count=-1"}, {"count=.nan"},
		{"100000"}, {"count=99999999999"}, {"2", "False"}, {"2", "0", "local_cache", "json"}, {"2", "outputter=txt"},
		{"2", "--out=json"}, {"2", "display_progress=True"}, {"1", "2", "3", "4", "5", "6"},
	} {
		qs = append(qs, append([]string{"jobs.list_jobs_filter"}, args...))
	}
	for _, args := range [][]string{
		{"None", "None", `{"ticket": "A-1"}`}, {`metadata={"n": 7}`}, {"metadata=text"}, {"metadata=[1]"}, {"metadata={}"},
		{"function=no.such"}, {"function=test.ping,cmd.run"}, {"function=[state.*]", "target=*"}, {"target=web*"}, {"target=none"},
		{"function=test.echo", "--out=json"}, {"function=state.highstate", "display_progress=True"}, {"a", "b", "c", "d", "e", "f", "g"},
	} {
		qs = append(qs, append([]string{"jobs.last_run"}, args...))
	}
	return append(qs, []string{"jobs.master", "1"}, []string{"jobs.active", "1", "2"},
		[]string{"manage.up", "a", "b", "c", "d", "e"}, []string{"manage.down", "a", "b", "c", "d", "e", "f"},
		[]string{"manage.up", "*", "tgt=*"}, []string{"manage.status", "a", "b", "c", "d", "e", "f"},
		[]string{"manage.versions", "1"}, []string{"manage.safe_accept"}, []string{"manage.safe_accept", "a", "b", "c"},
		[]string{"manage.key_regen", "1"}, []string{"manage.bootstrap", "1", "hosts=x", "version=2"},
		[]string{"manage.bootstrap_psexec", "1", "2", "3", "4", "5", "6", "7", "8"})
}

// PresenceQuestions returns calls of the functions that look who is connected.
func PresenceQuestions() [][]string {
	var qs [][]string
	for _, fun := range []string{"present", "joined", "allowed", "alived", "reaped", "list_state"} {
		for _, name := range []string{"manage." + fun, "manage.not_" + fun} {
			if fun == "list_state" && name != "manage."+fun {
				name = "manage.list_not_state"
			}
			qs = append(qs, []string{name}, []string{name, "subset=[" + First + ", nobody]"}, []string{name, "show_ip=True"})
		}
	}
	for _, args := range [][]string{
		{First}, {"[" + First + "]", "True"}, {"{" + Absent + ": 1}"}, {"''", "yes"}, {"subset=[]"}, {"5"}, {"1.5"}, {"True"},
		{"show_ip=True", "--out=json"}, {"--out=txt"}, {"a", "b", "c"}, {"subset=" + Absent, "subset=" + First},
	} {
		qs = append(qs, append([]string{"manage.list_state"}, args...), append([]string{"manage.list_not_state"}, args...))
	}
	return qs
}

// OutputQuestions asks for lists, maps, jobs and states by each outputter that Salt 3008
// has, and by one that it has not.
func (d *Day) OutputQuestions() [][]string {
	var qs [][]string
	for _, out := range outputters {
		qs = append(qs, []string{"manage.present", "show_ip=True", "--out=" + out},
			[]string{"jobs.list_jobs", "search_function=cmd.run", "--out=" + out},
			[]string{"jobs.list_jobs", "search_function=cmd.run", "outputter=" + out},
			[]string{"jobs.list_job", d.JIDs["nested"], "--out=" + out, "--force-color"},
			[]string{"jobs.lookup_jid", d.JIDs["good"], "--out=" + out}, []string{"jobs.lookup_jid", d.JIDs["floats"], "--out=" + out})
	}
	for _, name := range []string{"good", "bad", "broken"} {
		for _, how := range []string{"full", "terse", "mixed", "changes", "filter", "nonsense"} {
			qs = append(qs, []string{"jobs.lookup_jid", d.JIDs[name], "--state-output=" + how}, []string{"jobs.lookup_jid", d.JIDs[name], "--state-output=" + how + "_id"})
		}
		qs = append(qs, []string{"jobs.lookup_jid", d.JIDs[name], "--state-verbose=False"}, []string{"jobs.lookup_jid", d.JIDs[name], "--force-color"})
	}
	return qs
}

// outputters are the names that --out may have there, and one that it may not.
var outputters = []string{"nested", "highstate", "json", "yaml", "pprint", "raw", "txt", "text", "key", "table", "no_return", "grains", "nonsense"}

// HelpQuestions returns what is answered with help, which is each program's own: the names
// of the functions in it are to be the same.
func HelpQuestions() [][]string {
	var qs [][]string
	for _, name := range []string{"jobs", "manage", "manage.up", "manage.not", "jobs.no_such"} {
		qs = append(qs, []string{"-d", name})
	}
	for _, name := range []string{"manage", "manage.u", "jobs.list", "jobs.no_such"} {
		qs = append(qs, []string{name})
	}
	for _, fun := range []string{
		"jobs.active", "jobs.exit_success", "jobs.last_run", "jobs.list_job", "jobs.list_jobs", "jobs.list_jobs_filter", "jobs.lookup_jid",
		"jobs.master", "jobs.print_job", "manage.alived", "manage.bootstrap", "manage.bootstrap_psexec", "manage.down", "manage.key_regen",
		"manage.list_not_state", "manage.present", "manage.safe_accept", "manage.status", "manage.up", "manage.versions",
	} {
		qs = append(qs, []string{fun, misnamed})
	}
	return qs
}

// misnamed is an argument that no function has.
const misnamed = "no_such_argument=1"

// IsHelp tells whether a question is one of HelpQuestions.
func IsHelp(args []string) bool {
	return slices.ContainsFunc(HelpQuestions(), func(q []string) bool { return slices.Equal(q, args) })
}
