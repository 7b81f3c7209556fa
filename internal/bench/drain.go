package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// transport is what it takes a process, this one's own program with -drain, to read frames from a
// unix socket and to write them to a file: no subscriber can take less.
func transport(ctx context.Context, frames [][]byte, dir string) (took, cpu time.Duration, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	socket, file := filepath.Join(dir, "drain.ipc"), filepath.Join(dir, "drained")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, listener.Close(), os.Remove(file)) }()
	cmd := exec.CommandContext(ctx, self, "-drain", socket, "-write", file)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	conn, err := listener.Accept()
	if err != nil {
		return 0, 0, errors.Join(err, cmd.Process.Kill(), cmd.Wait())
	}
	const block = 1 << 20
	start := time.Now()
	var buf []byte
	for i, f := range frames {
		buf = append(buf, f...)
		if len(buf) < block && i < len(frames)-1 {
			continue
		}
		if _, err := conn.Write(buf); err != nil {
			return 0, 0, errors.Join(err, conn.Close(), cmd.Process.Kill(), cmd.Wait())
		}
		buf = buf[:0]
	}
	if err := errors.Join(conn.Close(), cmd.Wait()); err != nil {
		return 0, 0, fmt.Errorf("drain: %w", err)
	}
	return time.Since(start), cpuOf(cmd.ProcessState), nil
}

// drain reads a unix socket to its end, into a file.
func drain(socket, file string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	// Methods hidden, or the kernel would copy from one to the other.
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, struct{ io.Reader }{conn}, make([]byte, 256<<10))
	return errors.Join(err, f.Close(), conn.Close())
}
