// Record plays a scenario on a real Salt and records its event bus, and what
// salt-run answers about it, as test data:
//
//	go run ./internal/record -version 3008.3 -out testdata/recordings/3008.3
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"

	"github.com/vmihailenco/msgpack/v5/msgpcode"

	"gorun/event/eventtest"
	"gorun/internal/saltlab"
	"gorun/internal/saltlab/scenario"
)

func main() {
	version := flag.String("version", "3008.3", "Salt's release")
	out := flag.String("out", "", "the folder to write")
	verbose := flag.Bool("v", false, "show each job with its output")
	flag.Parse()
	if *out == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	level := slog.LevelInfo
	if *verbose {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	if err := record(ctx, *version, *out, log); err != nil {
		log.Error("record", "err", err)
		os.Exit(1)
	}
}

func record(ctx context.Context, version, out string, log *slog.Logger) (err error) {
	lab, err := saltlab.Start(ctx, saltlab.Options{Version: version, Config: scenario.Config(), Files: scenario.Files()})
	if err != nil {
		return err
	}
	defer func() {
		if e := lab.Close(); err == nil {
			err = e
		}
	}()
	capture, err := lab.Capture()
	if err != nil {
		return err
	}
	day := &scenario.Day{Lab: lab, Capture: capture, Log: log}
	r := &scenario.Recording{ZeroMQ: capture.ZeroMQ, Master: scenario.Master{
		Version: version, ID: scenario.MasterID, Config: scenario.Config(),
		Minions: []string{scenario.First, scenario.Doomed, scenario.Absent, scenario.Second},
	}}
	if r.Answers, err = play(ctx, day); err != nil {
		return err
	}
	capture.Close() // the connection has nothing more to say
	r.Bus = capture.Bytes()
	log.Info("the day is over", "bytes", len(r.Bus))
	if err := ask(ctx, day, r); err != nil {
		return err
	}
	if err := neutral(r); err != nil {
		return err
	}
	if err := r.Write(out); err != nil {
		return err
	}
	_, err = eventtest.Load(out) // which knows whether the bus ends with a whole message
	return err
}

// play runs the scenario and returns the answers of the runners that end it.
func play(ctx context.Context, day *scenario.Day) ([]scenario.Answer, error) {
	for _, part := range []struct {
		name string
		run  func(context.Context) error
	}{{"minions", day.Minions}, {"jobs", day.Jobs}, {"runners", day.Runners}, {"deaths", day.Deaths}} {
		day.Log.Info("play", "part", part.name)
		if err := part.run(ctx); err != nil {
			return nil, fmt.Errorf("%s: %w", part.name, err)
		}
	}
	var answers []scenario.Answer
	for _, args := range scenario.ManageQuestions() {
		a, err := day.Lab.SaltRun(ctx, args...)
		if err != nil {
			return nil, err
		}
		answers = append(answers, scenario.NewAnswer(args, a.Stdout, a.Status))
	}
	return answers, day.Capture.WaitForRuns(ctx)
}

// ask puts the questions about jobs to the real salt-run.
func ask(ctx context.Context, day *scenario.Day, r *scenario.Recording) error {
	list, err := day.Lab.Ask(ctx, "jobs.list_jobs")
	if err != nil {
		return err
	}
	questions := append(day.ListQuestions(), day.JobQuestions(scenario.ListedJIDs(list.Stdout))...)
	all, err := day.Lab.AskAll(ctx, questions)
	if err != nil {
		return err
	}
	var answers []scenario.Answer
	for i, a := range all {
		if !crashed(a) {
			answers = append(answers, scenario.NewAnswer(questions[i], a.Stdout, a.Status))
		}
	}
	day.Log.Info("asked", "answers", len(answers), "crashes", len(questions)-len(answers))
	r.Answers = append(r.Answers, answers...)
	return verify(ctx, day.Lab, answers)
}

// crashed tells whether salt-run showed its own stack: there is nothing to equal in
// that. (The stack of a job that failed is an answer.)
func crashed(a saltlab.Answer) bool {
	return bytes.HasPrefix(a.Stdout, []byte("Exception occurred in runner")) ||
		bytes.Contains(a.Stderr, []byte("Traceback"))
}

// verify asks some of the questions again, each of a process of its own: Lab.Ask is
// quicker, and must not answer otherwise.
func verify(ctx context.Context, lab *saltlab.Lab, answers []scenario.Answer) error {
	const every = 25
	for i := 0; i < len(answers); i += every {
		a, err := lab.AskAlone(ctx, answers[i].Args...)
		if err != nil {
			return err
		}
		if !bytes.Equal(a.Stdout, answers[i].Bytes()) || a.Status != answers[i].Status {
			return fmt.Errorf("%v: a process of its own answers otherwise:\n%s", answers[i].Args, a.Stdout)
		}
	}
	return nil
}

// neutral fails when something of this machine got into the recording.
func neutral(r *scenario.Recording) error {
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return err
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	all := bytes.Clone(r.Bus)
	for _, a := range r.Answers {
		all = append(append(all, '\n'), a.Bytes()...)
	}
	// A short host name may well stand in a key's base64; as a whole msgpack text, or
	// as a word of an answer, it does not.
	if len(host) < 32 && bytes.Contains(all, append([]byte{msgpcode.FixedStrLow | byte(len(host))}, host...)) {
		return fmt.Errorf("the host's name %s is in the recording", host)
	}
	if found := regexp.MustCompile(`[\s'"@]` + regexp.QuoteMeta(host) + `([\s'"_]|$)`).Find(all); found != nil {
		return fmt.Errorf("the host's name is in the recording: %q", found)
	}
	for _, path := range []string{home + "/", here} {
		if at := bytes.Index(all, []byte(path)); at >= 0 {
			return fmt.Errorf("a path of this machine is in the recording: %q (GORUN_SALT_CACHE names another)",
				all[max(0, at-40):min(len(all), at+120)])
		}
	}
	return nil
}
