package saltlab

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sync/errgroup"
)

// An Answer is what one run of a program printed, and how it ended.
type Answer struct {
	Stdout, Stderr []byte
	Status         int // the exit status; below zero: the signal that ended it
}

// Salt runs the salt program of the lab.
func (l *Lab) Salt(ctx context.Context, args ...string) (Answer, error) {
	return l.Run(ctx, "salt", append([]string{"-c", l.ConfigDir()}, args...)...)
}

// SaltRun runs salt-run.
func (l *Lab) SaltRun(ctx context.Context, args ...string) (Answer, error) {
	return l.Run(ctx, "salt-run", append([]string{"-c", l.ConfigDir()}, args...)...)
}

// Ask runs salt-run so that its run is not kept in the master's job cache: answers
// about the job cache do not depend on the questions asked before. (The bus
// carries the run all the same, from 2015.5 on.)
func (l *Lab) Ask(ctx context.Context, args ...string) (Answer, error) {
	return l.Run(ctx, "salt-run", append([]string{"-c", l.quietDir()}, args...)...)
}

// AskAll asks several questions, some of them at the same time, and returns the answers
// in the order of the questions.
func (l *Lab) AskAll(ctx context.Context, questions [][]string) ([]Answer, error) {
	return together(ctx, questions, l.Ask)
}

// SaltRunAll runs salt-run several times as AskAll does.
func (l *Lab) SaltRunAll(ctx context.Context, questions [][]string) ([]Answer, error) {
	return together(ctx, questions, l.SaltRun)
}

func together(ctx context.Context, questions [][]string, ask func(context.Context, ...string) (Answer, error)) ([]Answer, error) {
	answers := make([]Answer, len(questions))
	group, ctx := errgroup.WithContext(ctx)
	for i, args := range questions {
		group.Go(func() (err error) {
			answers[i], err = ask(ctx, args...)
			return err
		})
	}
	return answers, group.Wait()
}

// AskAlone is Ask in a process of its own, as a shell would start it: slow, and the
// judge of Ask.
func (l *Lab) AskAlone(ctx context.Context, args ...string) (Answer, error) {
	return l.exec(ctx, "salt-run", append([]string{"-c", l.quietDir()}, args...)...)
}

// SaltCall runs salt-call as the minion of the given id.
func (l *Lab) SaltCall(ctx context.Context, id string, args ...string) (Answer, error) {
	return l.Run(ctx, "salt-call", append([]string{"-c", filepath.Join(l.Dir, "minions", id, "etc")}, args...)...)
}

// SaltKey runs salt-key.
func (l *Lab) SaltKey(ctx context.Context, args ...string) (Answer, error) {
	return l.Run(ctx, "salt-key", append([]string{"-c", l.ConfigDir()}, args...)...)
}

// Run runs one of salt, salt-run, salt-call and salt-key in a fork of a process that
// has imported Salt already, in a third of the time.
func (l *Lab) Run(ctx context.Context, program string, args ...string) (Answer, error) {
	var server *forkServer
	select {
	case server = <-l.servers:
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
	defer func() { l.servers <- server }()
	a, err := server.run(ctx, program, args)
	if err != nil {
		return Answer{}, fmt.Errorf("run %s: %w", program, err)
	}
	return a, nil
}

// exec runs one of Salt's programs as a process of its own.
func (l *Lab) exec(ctx context.Context, program string, args ...string) (Answer, error) {
	var out, errs bytes.Buffer
	cmd := l.Command(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Answer{}, fmt.Errorf("exec %s: %w", program, err)
	}
	return Answer{out.Bytes(), errs.Bytes(), cmd.ProcessState.ExitCode()}, nil
}

//go:embed forkserver.py
var forkServerScript string

// A forkServer is one process of forkserver.py, started when it is first asked.
type forkServer struct {
	lab    *Lab
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	dir    string // of the two files that take a child's output
	errors bytes.Buffer
}

func (s *forkServer) start() error {
	dir, err := os.MkdirTemp(s.lab.Dir, "fork-")
	if err != nil {
		return err
	}
	cmd := exec.Command(filepath.Join(s.lab.venv, "bin", "python"), "-c", forkServerScript)
	cmd.Dir, cmd.Env, cmd.Stderr = s.lab.Dir, s.lab.environ(), &s.errors
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	s.cmd, s.in, s.out, s.dir = cmd, in, bufio.NewReader(out), dir
	return nil
}

func (s *forkServer) run(ctx context.Context, program string, args []string) (Answer, error) {
	if s.cmd == nil {
		if err := s.start(); err != nil {
			return Answer{}, err
		}
	}
	out, errs := filepath.Join(s.dir, "out"), filepath.Join(s.dir, "err")
	for _, name := range []string{out, errs} {
		if err := os.WriteFile(name, nil, 0o644); err != nil {
			return Answer{}, err
		}
	}
	request, err := json.Marshal(map[string]any{"program": program, "args": args, "out": out, "err": errs})
	if err != nil {
		return Answer{}, err
	}
	pid := s.cmd.Process.Pid
	stop := context.AfterFunc(ctx, func() { killSession(pid) })
	defer stop()
	var reply struct{ Status int }
	if _, err = s.in.Write(append(request, '\n')); err == nil {
		var line []byte
		if line, err = s.out.ReadBytes('\n'); err == nil {
			err = json.Unmarshal(line, &reply)
		}
	}
	if err != nil {
		s.close()
		return Answer{}, errors.Join(ctx.Err(), err, errors.New(s.errors.String()))
	}
	a := Answer{Status: reply.Status}
	if a.Stdout, err = os.ReadFile(out); err != nil {
		return Answer{}, err
	}
	a.Stderr, err = os.ReadFile(errs)
	return a, err
}

// close ends the server with whatever runs in it; the next run starts another.
func (s *forkServer) close() {
	if s.cmd == nil {
		return
	}
	s.in.Close()
	killSession(s.cmd.Process.Pid)
	_ = s.cmd.Wait() // it was killed: the error says no more
	s.cmd = nil
}
