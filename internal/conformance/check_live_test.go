//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gorun/internal/saltlab"
	"gorun/internal/saltlab/scenario"
)

// TestLiveCheck drives each check to each of its four states, on a real master and with real
// minions.
func TestLiveCheck(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute)
	defer cancel()
	lab, err := saltlab.Start(ctx, saltlab.Options{
		Version: "3008.3", Files: scenario.Files(),
		Config: []string{
			"presence_events: True", "loop_interval: 2", "timeout: 3", "gather_job_timeout: 2", "gorun: {settle: 0}",
			"nodegroups: {lab: 'L@" + scenario.First + "," + scenario.Second + "'}",
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := lab.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := lab.StartMinions(ctx, scenario.First, scenario.Second); err != nil {
		t.Fatal(err)
	}
	l := &checkTest{lab: lab, gorun: gorun{binary: build(t), config: lab.ConfigDir()}}
	// Nobody has ever listened. Salt's own job cache tells of jobs all the same.
	l.is(t, 2, "^JOBS CRITICAL - .*no run known: ", "jobs")
	l.is(t, 3, "^RETURNS UNKNOWN - ", "returns")
	l.is(t, 2, "^SUBSCRIBER CRITICAL - no subscriber has been connected", "subscriber")
	l.until(t, 0, "^MINIONS OK - 2 of 2 ", "minions") // by a ping, which may miss one of them

	l.gorun.subscribe(t)
	t.Run("subscriber", l.subscriber)
	t.Run("returns", l.returns) // before a minion is silent
	t.Run("jobs", l.jobs)
	t.Run("minions", l.minions)
	// A master that is gone: what was true before is no knowledge of the present.
	lab.Kill(saltlab.Master)
	l.until(t, 2, "^SUBSCRIBER CRITICAL - ", "subscriber")
	for _, what := range []string{"minions", "jobs", "returns"} {
		l.is(t, 3, "^"+strings.ToUpper(what)+" UNKNOWN - ", what)
	}
	// A cache that may not be read tells nothing of the subscriber either.
	cache := filepath.Join(lab.Dir, "var/cache/salt/master/gorun")
	if err := os.Chmod(cache, 0o777); err != nil {
		t.Fatal(err)
	}
	l.is(t, 3, "^SUBSCRIBER UNKNOWN - ", "subscriber")
	if err := os.Chmod(cache, 0o700); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%s: %d checks\n", t.Name(), l.checked)
}

type checkTest struct {
	lab     *saltlab.Lab
	gorun   gorun
	checked int
}

// ask runs a check: its exit status, and its line.
func (l *checkTest) ask(t *testing.T, args []string) (status int, line []byte) {
	t.Helper()
	cmd := l.gorun.command(t.Context(), append([]string{"check"}, args...)...)
	line, err := cmd.Output()
	if cmd.ProcessState == nil {
		t.Fatal(err)
	}
	l.checked++
	return cmd.ProcessState.ExitCode(), line
}

// is wants a status, and a line that matches.
func (l *checkTest) is(t *testing.T, status int, line string, args ...string) {
	t.Helper()
	got, text := l.ask(t, args)
	if got != status || !regexp.MustCompile("(?m)"+line).Match(text) || bytes.Count(text, []byte("\n")) > 1 {
		t.Errorf("check %q: status %d, wanted %d and %q:\n%s", args, got, status, line, text)
	}
}

// until waits for that.
func (l *checkTest) until(t *testing.T, status int, line string, args ...string) {
	t.Helper()
	until(t, fmt.Sprintf("check %q: %d %s", args, status, line), func() bool {
		got, text := l.ask(t, args)
		return got == status && regexp.MustCompile("(?m)"+line).Match(text)
	})
}

func (l *checkTest) salt(t *testing.T, args ...string) {
	t.Helper()
	if _, err := l.lab.Salt(t.Context(), args...); err != nil {
		t.Fatal(err)
	}
}

// subscriber: one that is stopped has a heartbeat that gets old.
func (l *checkTest) subscriber(t *testing.T) {
	l.until(t, 0, `^SUBSCRIBER OK - pid \d+ is listening to the bus \| heartbeat=\ds;10;15;0 `, "subscriber")
	_, line := l.ask(t, []string{"subscriber"})
	pid, err := strconv.Atoi(string(regexp.MustCompile(`pid (\d+)`).FindSubmatch(line)[1]))
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	l.until(t, 1, "^SUBSCRIBER WARNING - ", "subscriber", "-w", "2", "-c", "1000")
	l.until(t, 2, "^SUBSCRIBER CRITICAL - ", "subscriber", "-w", "1", "-c", "3")
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	l.until(t, 0, "^SUBSCRIBER OK - ", "subscriber")
}

// minions: one that is stopped does not answer.
func (l *checkTest) minions(t *testing.T) {
	l.until(t, 0, `^MINIONS OK - 2 of 2 minions are up \| down=0;0;0;0;2 unresponsive=0;;;0 up=2;;;0$`, "minions")
	l.is(t, 0, "^$", "minions", "--quiet")
	if err := l.lab.Stop(scenario.Second); err != nil {
		t.Fatal(err)
	}
	l.salt(t, "*", "test.ping", "--timeout=2") // whose silence the subscriber hears
	named := `: ` + regexp.QuoteMeta(scenario.Second) + ` \| `
	l.until(t, 2, `^MINIONS CRITICAL - 1 of 2 minions are up; .*`+named+`down=1;0;0;0;2 `, "minions")
	l.is(t, 2, named, "minions", "--quiet")
	l.is(t, 1, "^MINIONS WARNING - .*"+named+"down=1;0;1;0;2 ", "minions", "-c", "1")
	l.is(t, 1, "^MINIONS WARNING - .*down=1;0;1;0;2 ", "minions", "-c", "50%")
	l.is(t, 2, "^MINIONS CRITICAL - ", "minions", "-w", "0", "-c", "49%")
	l.is(t, 0, "^MINIONS OK - ", "minions", "-w", "0:1", "-c", "@2:9")
	l.is(t, 2, "^MINIONS CRITICAL - ", "minions", "-w", "5", "-c", "@1:9")
	l.is(t, 0, "^MINIONS OK - 1 of 1 ", "minions", "--tgt", "minion-?")
	l.is(t, 2, "^MINIONS CRITICAL - 0 of 1 .*"+named, "minions", "--tgt", scenario.Second+",nobody", "--tgt-type", "list")
	l.is(t, 2, "^MINIONS CRITICAL - 1 of 2 .*"+named, "minions", "--tgt", "lab", "--tgt-type", "nodegroup")
	l.is(t, 3, "^MINIONS UNKNOWN - ", "minions", "--tgt", "nobody")
	status, data := l.ask(t, []string{"minions", "--out=json"})
	var as struct {
		Check, Status string
		Code          int
		Figures       map[string]int
		Subjects      map[string][]string
	}
	if err := json.Unmarshal(data, &as); err != nil || status != 2 || as.Code != 2 || as.Status != "CRITICAL" || as.Check != "minions" ||
		as.Figures["down"] != 1 || as.Figures["up"] != 1 || len(as.Subjects["down"])+len(as.Subjects["unresponsive"]) != 1 {
		t.Errorf("status %d, %v: %s", status, err, data)
	}
	if err := l.lab.Continue(scenario.Second); err != nil {
		t.Fatal(err)
	}
	until(t, "the minion is back", func() bool {
		l.salt(t, scenario.Second, "test.ping")
		status, _ := l.ask(t, []string{"minions"})
		return status == 0
	})
}

// jobs: the last states of each minion, of which some fail.
func (l *checkTest) jobs(t *testing.T) {
	l.salt(t, "*", "state.sls", "small")
	l.until(t, 0, `^JOBS OK - the last .* was good on 2 of 2 minions \| bad=0;0;0;0;2 `, "jobs")
	l.is(t, 2, "^JOBS CRITICAL - .*too old: ", "jobs", "--max-age", "1ms")
	l.is(t, 0, "^JOBS OK - ", "jobs", "--max-age", "26h")
	l.salt(t, scenario.Second, "state.sls", "bad")
	failed := "; failed: " + regexp.QuoteMeta(scenario.Second) + ` \| `
	l.until(t, 2, "^JOBS CRITICAL - .*1 of 2 minions"+failed, "jobs")
	l.is(t, 1, "^JOBS WARNING - .*"+failed+"bad=1;0;1;0;2 ", "jobs", "-c", "50%")
	l.is(t, 0, "^JOBS OK - .*1 of 1 ", "jobs", "--tgt", scenario.First, "-f", "state.*")
	l.is(t, 2, failed, "jobs", "--tgt", "lab", "--tgt-type", "nodegroup")
	l.is(t, 3, "^JOBS UNKNOWN - ", "jobs", "--tgt", "nobody")
	l.is(t, 2, `"failed": 1`, "jobs", "--out=json", "--out-indent=-1")
}

// returns: the master's workers hang, and nothing that comes back is taken.
func (l *checkTest) returns(t *testing.T) {
	l.until(t, 0, "^RETURNS OK - ", "returns", "--grace", "1s")
	l.salt(t, "*", "cmd.run", "sleep 8", "--async") // the workers are to hang before it ends
	if err := l.lab.HangWorkers(true); err != nil {
		t.Fatal(err)
	}
	l.until(t, 1, `^RETURNS WARNING - .*; nobody returned: \d{20} \| silent=1;0;`, "returns", "--grace", "12s")
	l.is(t, 2, "^RETURNS CRITICAL - .*nobody returned: ", "returns", "--grace", "12s", "-c", "0")
	l.is(t, 0, "^RETURNS OK - ", "returns", "--grace", "12s", "-w", "1", "-c", "2")
	l.is(t, 2, `"silent": 1`, "returns", "--grace", "12s", "-c", "0", "--out=json", "--out-indent=-1")
	if err := l.lab.HangWorkers(false); err != nil {
		t.Fatal(err)
	}
	l.until(t, 0, "^RETURNS OK - ", "returns", "--grace", "12s")
}
