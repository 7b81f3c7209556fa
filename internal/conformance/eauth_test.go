//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"gorun/internal/saltlab"
)

// A caller is somebody with a home of its own who asks salt-run and gorun alike.
type caller struct {
	*testing.T
	gorun
	lab  *saltlab.Lab
	home string
	uid  uint32
}

// external asks by name and password and by token, as root and as the master's user. The
// external_auth of the lab lets ann do everything and bob nothing.
func external(ctx context.Context, t *testing.T, g gorun, lab *saltlab.Lab, uid int) {
	t.Helper()
	for _, who := range []int{os.Getuid(), uid} {
		home := t.TempDir()
		for dir := home; dir != filepath.Dir(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
			if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o005 == 0 {
				if err := os.Chmod(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := os.Chown(home, who, -1); err != nil {
			t.Fatal(err)
		}
		c := &caller{t, g, lab, home, uint32(who)}
		as := func(name string, args ...string) []string {
			return append(args, "-a", "auto", "--username", name, "--password", "hidden-password")
		}
		c.same(ctx, as("ann", "test.arg", "a", "b=[1,2]")...)
		c.same(ctx, as("ann", "manage.up", "--out=json")...)
		c.refused(ctx, as("bob", "test.arg", "a")...)
		c.refused(ctx, as("bob", "manage.up")...)
		if out, status := c.ask(ctx, c.command(ctx, "test.arg", "a", "-a", "nosuch", "--username", "ann", "--password", "x")); status != 3 || len(out) > 0 {
			c.Errorf("-a nosuch: status %d, %s", status, out)
		}
		if _, status := c.ask(ctx, c.command(ctx, append(as("ann", "test.arg", "a"), "-T")...)); status != 0 {
			c.Errorf("-T: status %d", status)
		}
		token := filepath.Join(home, "salt_token")
		if info, err := os.Stat(token); err != nil || info.Mode().Perm() != 0o600 {
			c.Errorf("the token: %v, %v", info, err)
		}
		c.same(ctx, "test.arg", "by a token", "-a", "auto")
		if err := os.WriteFile(token, []byte(strings.Repeat("0", 64)), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, status := c.ask(ctx, c.command(ctx, "test.arg", "-a", "auto")); status != 3 || len(out) > 0 {
			c.Errorf("a token that is none: status %d, %s", status, out)
		}
	}
}

// ask runs a program in the caller's name; it returns stdout and the exit status.
func (c *caller) ask(ctx context.Context, cmd *exec.Cmd) (stdout []byte, status int) {
	c.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(slices.DeleteFunc(cmd.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "HOME=") || strings.HasPrefix(v, "XDG_")
	}), "HOME="+c.home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.Fatalf("%v: %v", cmd.Args, err)
	}
	if ctx.Err() != nil {
		c.Fatal(ctx.Err())
	}
	c.Logf("uid %d: %q: status %d\n%s", c.uid, cmd.Args[1:], cmd.ProcessState.ExitCode(), errs.Bytes())
	return out.Bytes(), cmd.ProcessState.ExitCode()
}

func (c *caller) saltRun(ctx context.Context, args ...string) []byte {
	c.Helper()
	out, _ := c.ask(ctx, c.lab.Command(ctx, "salt-run", append([]string{"-c", c.lab.ConfigDir()}, args...)...))
	return out
}

func (c *caller) same(ctx context.Context, args ...string) {
	c.Helper()
	got, status := c.ask(ctx, c.command(ctx, args...))
	if want := c.saltRun(ctx, args...); !bytes.Equal(got, want) || status != 0 || len(got) == 0 {
		c.Errorf("uid %d: %q: status %d\ngorun:\n%s\nsalt-run:\n%s", c.uid, args, status, got, want)
	}
}

// refused compares what the master says to who may not: salt-run prints it as the answer.
func (c *caller) refused(ctx context.Context, args ...string) {
	c.Helper()
	cmd := c.command(ctx, args...)
	got, status := c.ask(ctx, cmd)
	said := cmd.Stderr.(*bytes.Buffer).Bytes()
	want := bytes.TrimSpace(c.saltRun(ctx, args...))
	if len(got) > 0 || status != 3 || len(want) == 0 || !bytes.Contains(said, want) {
		c.Errorf("uid %d: %q: status %d, %s\ngorun:\n%s\nsalt-run:\n%s", c.uid, args, status, got, said, want)
	}
}
