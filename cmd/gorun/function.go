package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"gorun/event"
	"gorun/internal/master"
	"gorun/jobcache"
	"gorun/output"
	"gorun/runners"
	"gorun/value"
)

// runFunction answers `gorun module.function args…`.
func (p *program) runFunction(c *cli.Context) (err error) {
	switch {
	case c.Bool("version"):
		return p.printVersion()
	case c.Bool("versions-report"):
		return p.printVersions()
	case c.Bool("doc"):
		return p.printDocs(c)
	}
	args, err := p.arguments(c)
	if err != nil {
		return err
	}
	q, err := p.newQuestion(c)
	if err != nil {
		return err
	}
	defer closing(q.out, &err)
	f, ok := runners.Lookup(args[0])
	switch {
	case c.Bool("async") || c.String("eauth") != "":
		return q.forward(c.Context, args[0], args[1:])
	case !ok && ownModule(args[0]):
		return q.notAvailable(args[0], docs(startsWith(args[0])))
	case !ok:
		return q.forward(c.Context, args[0], args[1:])
	}
	// An answer is read, printed and gone: to collect often is to look at what stays. That is
	// little, unless an outputter has to have all of it.
	debug.SetGCPercent(400)
	q.options.Whole = func() { debug.SetGCPercent(100) }
	bound, err := q.bind(f, args[1:])
	if err != nil {
		return q.misfit(f, err)
	}
	if f.Run == nil {
		return q.misfit(f, streams[f.Name](c.Context, q, bound))
	}
	env, cache, err := q.open(c.Context)
	if err != nil {
		return err
	}
	defer closing(cache, &err)
	answer, err := f.Run(c.Context, env, bound)
	if err != nil {
		return q.misfit(f, err)
	}
	return q.show(answer)
}

// streams are the functions that print while something happens; package runners has their
// help and their parameters.
var streams = map[string]func(context.Context, *question, runners.Args) error{
	"jobs.watch":  watchJob,
	"state.event": stateEvent,
}

// arguments are those of the command line, and with --args-stdin those on stdin.
func (p *program) arguments(c *cli.Context) ([]string, error) {
	args := c.Args().Slice()
	if c.Bool("args-stdin") {
		more, err := readLines(p.stdin)
		if err != nil {
			return nil, err
		}
		args = append(args, more...)
	}
	if len(args) == 0 {
		return nil, fmt.Errorf("%w: no function named", errUsage)
	}
	return args, nil
}

// question is a call of a function: what is asked of which master, and how and where it
// is to be answered.
type question struct {
	*program
	cli     *cli.Context
	conf    *master.Config
	options *output.Options
	out     io.WriteCloser
	who     *value.Map // what -a has asked for
}

func (p *program) newQuestion(c *cli.Context) (*question, error) {
	log, err := p.logger(c)
	if err != nil {
		return nil, err
	}
	conf, err := p.load(c, log)
	if err != nil {
		return nil, err
	}
	options, err := p.outputOptions(c, conf, log)
	if err != nil {
		return nil, err
	}
	out, err := p.openOutput(c)
	if err != nil {
		return nil, err
	}
	return &question{program: p, cli: c, conf: conf, options: options, out: out}, nil
}

// print writes a value with an outputter.
func (q *question) print(outputter string, v value.Value) error {
	if err := output.Print(q.out, outputter, v, q.options); err != nil {
		return fmt.Errorf("print the answer: %w", err)
	}
	return nil
}

// show prints an answer, and what is to be said about it.
func (q *question) show(answer *runners.Answer) error {
	if answer.Lead != "" {
		if _, err := fmt.Fprintln(q.stdout, answer.Lead); err != nil {
			return fmt.Errorf("print the answer: %w", err)
		}
	}
	if !q.cli.Bool("quiet") {
		if err := q.print(q.outputter(answer), answer.Value); err != nil {
			return err
		}
	}
	for _, note := range answer.Notes {
		q.say("%s", note)
	}
	switch {
	case answer.Failed:
		return errFailed
	case answer.Stale:
		return errStale
	}
	return nil
}

// bind reads the arguments of a call. Errors are those of runners.Bind.
func (q *question) bind(f *runners.Func, args []string) (runners.Args, error) {
	positional, kwargs := parseInput(args, strings.Split(q.cli.String("no-parse"), ","))
	return runners.Bind(f.Name, f.Params, positional, kwargs)
}

// misfit answers on stdout for arguments that do not fit, as salt-run does but with
// gorun's own help. Other errors are returned as they are.
func (q *question) misfit(f *runners.Func, err error) error {
	var call *runners.CallError
	var keyword *runners.KeywordError
	var said value.Value
	switch {
	case errors.As(err, &call):
		said = fmt.Sprintf("\nPassed invalid arguments: %s\n\nUsage:\n%s", call.Problem, docString(f))
	case errors.As(err, &keyword):
		said = docs(startsWith(f.Name))
	default:
		return err
	}
	if err := q.print(q.outputter(new(runners.Answer)), said); err != nil {
		return err
	}
	return fmt.Errorf("%w: %w", errUsage, err)
}

// outputter chooses as salt.output.get_printout does: --out or the setting output before
// what the answer names, but highstate is left to the answers that name it themselves.
func (q *question) outputter(answer *runners.Answer) string {
	wanted := q.cli.String("out")
	if wanted == "" {
		wanted = q.conf.Output
	}
	if wanted == "" || wanted == "highstate" && answer.Outputter != "" {
		return answer.Outputter
	}
	return wanted
}

// open opens the job cache that the question is about; the caller closes it once the answer
// is printed. Without one, what asks for it is told why: not every function does.
func (q *question) open(ctx context.Context) (env *runners.Env, cache io.Closer, err error) {
	asking := &runningMaster{q: q, transport: q.conf.Gorun.Transport}
	env, kept := q.env()
	env.Master = asking
	reader, err := jobcache.OpenReader(storePath(q.conf))
	switch {
	case errors.Is(err, jobcache.ErrNoStore) && kept != nil: // no subscriber has ever run
		env.Cache = kept
		return env, noCache{}, nil
	case err != nil:
		env.Cache = noCache{err}
		return env, noCache{}, nil
	}
	status, err := reader.Status(ctx, env.Now)
	if err != nil {
		return nil, nil, errors.Join(err, reader.Close())
	}
	env.Cache = jobcache.Patient{Reader: reader}
	env.OldMaster, env.Python2 = status.Era == jobcache.UpTo2015, status.Era != jobcache.Since3000
	q.options.OldMaster, q.options.Python2 = env.OldMaster, env.Python2
	if asking.transport == "" {
		asking.transport = knownTransport(status)
	}
	return env, reader, nil
}

// saltCache is Salt's own job cache.
func (q *question) saltCache() (*jobcache.SaltCache, error) {
	return jobcache.OpenSalt(q.conf.CacheDir, q.conf.HashType, q.options.Log)
}

// knownTransport is what the bus speaks that a subscriber reads at this moment, so that it
// need not be found out once more; empty where nobody has heard it.
func knownTransport(status jobcache.Status) string {
	switch {
	case !status.Listening || status.Events == 0:
		return ""
	case status.Era == jobcache.UpTo2015:
		return event.TransportZMQ
	}
	return event.TransportStream
}

// env is what functions know besides a job cache. Salt's own, which may stand in for that, is
// nil where it cannot be read.
func (q *question) env() (*runners.Env, *jobcache.SaltCache) {
	env := &runners.Env{
		Now:              time.Now(),
		Progress:         q.progress,
		Accepted:         q.conf.AcceptedKeys,
		Presence:         q.conf,
		Running:          q.conf.Running,
		Timeout:          q.conf.Timeout,
		GatherJobTimeout: q.conf.GatherJobTimeout,
		LoopInterval:     q.conf.LoopInterval,
		EndTimes:         q.conf.JobCacheStoreEndtime,
		UTCJID:           q.conf.UTCJID,
		OrderMasters:     q.conf.OrderMasters,
		Source:           q.conf.Gorun.Source,
		ExtJobCache:      q.conf.ExtJobCache,
		MasterJobCache:   q.conf.MasterJobCache,
	}
	kept, err := q.saltCache()
	if err != nil {
		return env, nil
	}
	env.Kept = kept
	return env, kept
}

// progress prints a progress event as salt.client.mixins.print_async_event does. It is not
// the answer: what cannot be written here shows when that is.
func (q *question) progress(message string) {
	stamp := time.Now().UTC().Format("2006-01-02T15:04:05.000000-07:00")
	q.fired("progress", value.NewMap("message", message, "_stamp", stamp))
}

// closing joins the error of closing to what a function returns.
func closing(c io.Closer, err *error) {
	*err = errors.Join(*err, c.Close())
}

// openOutput is stdout, or the file that --out-file names.
func (p *program) openOutput(c *cli.Context) (io.WriteCloser, error) {
	name := c.String("out-file")
	if name == "" {
		return keepOpen{p.stdout}, nil
	}
	mode := os.O_TRUNC
	if c.Bool("out-file-append") {
		mode = os.O_APPEND
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|mode, 0o600)
	if err != nil {
		return nil, fmt.Errorf("--out-file: %w", err)
	}
	return f, nil
}

type keepOpen struct{ io.Writer }

func (keepOpen) Close() error { return nil }

func readLines(r io.Reader) ([]string, error) {
	var lines []string
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<24)
	for scanner.Scan() {
		lines = append(lines, scanner.Text())
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("--args-stdin: %w", err)
	}
	return lines, nil
}

// ownModule tells whether a name is of a runner that gorun has all functions of.
func ownModule(name string) bool {
	module, _, _ := strings.Cut(name, ".")
	return module == "jobs" || module == "manage"
}

func startsWith(prefix string) func(*runners.Func) bool {
	return func(f *runners.Func) bool { return strings.HasPrefix(f.Name, prefix) }
}

// nearest names the functions that a mistyped name may have meant.
func nearest(name string) string {
	var near []string
	for _, f := range runners.All() {
		if distance(f.Name, name) <= 3 {
			near = append(near, f.Name)
		}
	}
	return strings.Join(near, " or ")
}

// distance is how many letters are to be put in, taken out or changed between two names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = 1 + min(diagonal, row[j], row[j+1])
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}
