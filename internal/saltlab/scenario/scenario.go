// Package scenario is one day in the life of a Salt master, and the questions that
// are asked about it afterwards: jobs of every kind, odd values, failures, minions
// that die. The recorder plays it to record a bus with salt-run's answers, the live
// conformance test to compare answers of salt-run and gorun.
package scenario

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"

	"gorun/internal/saltlab"
)

// The minions of the day. Doomed is killed and stays away; Absent has a key and was
// never started.
const (
	First    = "minion-1"
	Second   = "web-2.example.com"
	Doomed   = "minion-3"
	Absent   = "never-started"
	MasterID = "lab_master"
)

// Config returns the lines that the master's configuration needs.
func Config() []string {
	return []string{
		"id: " + MasterID, // not the machine's name
		"presence_events: True",
		"loop_interval: 2",
		"timeout: 10", // a loaded machine takes its time
		"gather_job_timeout: 5",
		"nodegroups: {lab: 'L@" + First + "," + Second + " or " + Doomed + "'}",
	}
}

//go:embed srv srv/_modules
var srv embed.FS

// Files returns what the master has to serve.
func Files() fs.FS {
	files, err := fs.Sub(srv, "srv")
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}

// A Day is a scenario on its way.
type Day struct {
	Lab     *saltlab.Lab
	Capture *saltlab.Capture // listens since before the first minion
	Log     *slog.Logger
	// JIDs has the jids of the jobs that questions name.
	JIDs map[string]string
}

// A job is one call of salt.
type job struct {
	name  string   // under which questions know it; may be empty
	since string   // the first release that has it
	args  []string // of salt
}

// jobs are the calls that need no company, in their order.
func jobs() []job {
	js := []job{
		{"ping", "", []string{"*", "test.ping"}},
		{"sync", "", []string{"*", "saltutil.sync_modules"}},
		{"echo", "", []string{"*", "cmd.run", "echo hello"}},
		{"failed", "", []string{First, "cmd.run", "echo before; exit 3"}},
		{"lines", "", []string{"*", "cmd.run", `printf 'one\n\n  two\nthree\n'`}},
		{"unicode", "", []string{First, "cmd.run", "printf 'Grüße 漢字 e\u0301 \U0001f389\\n'"}},
		{"spaces", "", []string{First, "cmd.run", `printf '\ta\t\nb   \n   \n'`}},
		{"", "", []string{First, "cmd.run", `printf '\033[31mred\033[0m\n\033[1;32mgreen\033[0m'`}},
		{"", "", []string{First, "cmd.run_all", "echo out; echo err >&2; exit 2"}},
		{"", "", []string{First, "cmd.retcode", "exit 9"}},
		{"list", "", []string{"-L", First + "," + Second, "test.ping"}},
		{"", "", []string{"-C", First + " or G@id:" + Doomed, "test.ping"}},
		{"", "", []string{"-G", "id:web*", "test.ping"}},
		{"", "", []string{"-E", "minion-[12]", "test.ping"}},
		{"", "", []string{"-N", "lab", "test.ping"}},
		{"", "", []string{"nobody*", "test.ping"}},
		{"kwargs", "", []string{First, "test.arg", "1", "two", "3.5", `{"a": [1, null]}`, "key=value", `more={"b": true}`, "text=1_000"}},
		{"", "", []string{"*", "test.kwarg", "a=1", "b='x: y'", "c=Grüße"}},
		{"differ", "", []string{"*", "lab.differ"}},
		{"retcode", "", []string{"*", "lab.retcode", "42"}},
		{"missing function", "", []string{"*", "no_such.function", "1"}},
		{"refused", "", []string{First, "lab.refuse"}},
		{"exploded", "", []string{First, "lab.explode"}},
		{"", "", []string{First, "test.arg", "not=", "a", "b"}},
		{"metadata", "2016", []string{"*", "test.ping", `--metadata={"ticket": "A-1", "n": 7}`}},
		{"", "2016", []string{First, "test.arg", "x", `metadata={"ticket": "A-2"}`}},
		{"good", "", []string{"*", "state.sls", "good"}},
		{"again", "", []string{First, "state.sls", "good"}},
		{"bad", "", []string{First, "state.sls", "bad"}},
		{"good test", "", []string{Second, "state.sls", "small", "test=True"}},
		{"broken", "", []string{First, "state.sls", "broken"}},
		{"", "", []string{First, "state.sls", "no_such"}},
		{"apply", "2016", []string{First, "state.apply", "good"}},
		{"highstate", "", []string{First, "state.highstate"}},
		{"", "", []string{First, "state.single", "test.succeed_with_changes", "name=x"}},
		{"", "", []string{"--batch-size", "1", "*", "test.ping"}},
		{"", "", []string{"--static", "*", "test.ping"}},
		{"", "", []string{"--async", "*", "test.ping"}},
		{"", "", []string{First, "saltutil.find_job", "20140101000000000000"}},
		{"", "", []string{First, "saltutil.running"}},
	}
	for _, value := range values {
		js = append(js, job{value, "", []string{First, "lab.value", value}})
	}
	return js
}

// values are the names that lab.value knows.
var values = strings.Fields(`none bool_true bool_false empty_dict empty_list empty_string zero negative int63 int64 int70
	floats odd_floats nested lists dicts int_keys odd_keys mixed_keys none_key invalid_utf8 bytes date unicode
	unicode_list text spaces breaks ansi strings multi_line_list long long_list tabs_in_dict`)

// Minions starts the three minions. It belongs to the day: their first events and
// jobs are part of it.
func (d *Day) Minions(ctx context.Context) error {
	d.JIDs = map[string]string{}
	return d.Lab.StartMinions(ctx, First, Second, Doomed)
}

// Jobs runs everything that needs minions alone.
func (d *Day) Jobs(ctx context.Context) error {
	for _, j := range jobs() {
		if !saltlab.AtLeast(d.Lab.Version, j.since) {
			continue
		}
		if _, err := d.Salt(ctx, j.name, j.args...); err != nil {
			return err
		}
	}
	for _, args := range [][]string{{"test.ping"}, {"state.sls", "small"}, {"cmd.run", "exit 4"}} {
		if err := d.log("salt-call", args)(d.Lab.SaltCall(ctx, Second, args...)); err != nil {
			return err
		}
	}
	return d.schedule(ctx)
}

// schedule lets a minion run a job by itself, once or a few times.
func (d *Day) schedule(ctx context.Context) error {
	if !saltlab.AtLeast(d.Lab.Version, "2016") {
		return nil // it would keep the return to itself
	}
	const name = "lab_scheduled"
	if _, err := d.Salt(ctx, "", First, "schedule.add", name, "function=lab.differ", "seconds=1"); err != nil {
		return err
	}
	// Only a return has the key: msgpack's text of 8 bytes, then the name of 13.
	if err := d.Capture.WaitFor(ctx, "\xa8schedule\xad"+name); err != nil {
		return err
	}
	_, err := d.Salt(ctx, "", First, "schedule.delete", name)
	return err
}

// Runners runs runners, good and bad.
func (d *Day) Runners(ctx context.Context) error {
	for _, args := range [][]string{
		{"manage.status"}, {"test.arg", "1", "two", "a=b"}, {"no_such.runner"},
		{"jobs.active"}, {"state.orchestrate", "orchestrate"},
	} {
		if err := d.log("salt-run", args)(d.Lab.SaltRun(ctx, args...)); err != nil {
			return err
		}
	}
	return nil
}

// Deaths freezes one minion for a while, restarts it, kills another in the middle
// of a job, and leaves a job running.
func (d *Day) Deaths(ctx context.Context) error {
	if err := d.Lab.Stop(Second); err != nil {
		return err
	}
	late, err := d.Salt(ctx, "late", "*", "test.ping")
	if err != nil {
		return err
	}
	if err := d.Lab.Continue(Second); err != nil {
		return err
	}
	if err := d.returned(ctx, late, Second); err != nil {
		return err
	}
	d.Lab.Kill(Second)
	if err := d.Lab.StartDaemon(ctx, Second); err != nil {
		return err
	}
	if err := d.Lab.Answering(ctx, Second); err != nil {
		return err
	}
	killed, err := d.async(ctx, "killed", Second, "lab.wait_on", Second, "300")
	if err != nil {
		return err
	}
	if _, err := d.Salt(ctx, "", Second, "saltutil.kill_job", killed); err != nil {
		return err
	}
	lost, err := d.async(ctx, "lost", "-L", First+","+Doomed, "lab.wait_on", Doomed, "300")
	if err != nil {
		return err
	}
	if err := d.returned(ctx, lost, First); err != nil {
		return err
	}
	d.Lab.Kill(Doomed)
	if _, err := d.Salt(ctx, "unanswered", "*", "test.ping"); err != nil {
		return err
	}
	if err := d.Lab.AcceptKey(Absent); err != nil {
		return err
	}
	if _, err := d.Salt(ctx, "absent", "*", "lab.differ"); err != nil {
		return err
	}
	running, err := d.async(ctx, "running", "-L", First+","+Second, "lab.wait_on", First, "3600")
	if err != nil {
		return err
	}
	return d.returned(ctx, running, Second)
}

// ManageQuestions are the last things that happen: runners that publish, whose
// answers are compared.
func ManageQuestions() [][]string {
	return [][]string{{"manage.up"}, {"manage.down"}, {"manage.status"}}
}

// TargetQuestions ask the same of minions that answer at once.
func TargetQuestions() [][]string {
	return [][]string{
		{"manage.up", "tgt=" + First}, {"manage.up", First, "--out=json"}, {"manage.up", "tgt=web*", "timeout=20", "gather_job_timeout=10"},
		{"manage.down", "tgt=" + First}, {"manage.down", "tgt=" + First + "," + Second, "tgt_type=list", "--out=yaml"},
		{"manage.status", "minion-1|web.*", "pcre"}, {"manage.status", "tgt=" + First, "--out=txt"}, {"manage.status", "tgt=" + First, "--force-color"},
	}
}

// returned waits for a minion's return on the bus.
func (d *Day) returned(ctx context.Context, jid, id string) error {
	return d.Capture.WaitFor(ctx, "salt/job/"+jid+"/ret/"+id+"\n\n")
}

var jidText = regexp.MustCompile(`\b\d{20}\b`)

// Salt runs one job, which gets a name unless that is empty, and returns its jid; that
// is empty where salt does not tell it.
func (d *Day) Salt(ctx context.Context, name string, args ...string) (jid string, err error) {
	a, err := d.Lab.Salt(ctx, append([]string{"-v"}, args...)...)
	if err := d.log("salt", args)(a, err); err != nil {
		return "", err
	}
	jid = jidText.FindString(string(a.Stdout))
	if name != "" {
		if jid == "" {
			return "", fmt.Errorf("salt %s: no jid in\n%s%s", strings.Join(args, " "), a.Stdout, a.Stderr)
		}
		d.JIDs[name] = jid
	}
	return jid, nil
}

// async publishes one job and returns its jid without waiting for it.
func (d *Day) async(ctx context.Context, name string, args ...string) (jid string, err error) {
	return d.Salt(ctx, name, append([]string{"--async"}, args...)...)
}

// log tells what was run and what came of it.
func (d *Day) log(program string, args []string) func(saltlab.Answer, error) error {
	return func(a saltlab.Answer, err error) error {
		if err != nil {
			return fmt.Errorf("%s: %w", strings.Join(args, " "), err)
		}
		d.Log.Debug(program, "args", args, "status", a.Status, "stdout", string(a.Stdout), "stderr", string(a.Stderr))
		return nil
	}
}
