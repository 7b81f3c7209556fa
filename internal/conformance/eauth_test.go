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
		c.refused(ctx, "test.arg", "a", "-a", "nosuch", "--username", "ann", "--password", "x")
		if _, errs, status := c.ask(ctx, c.command(ctx, append(as("ann", "test.arg", "a"), "-T")...)); status != 0 {
			c.Errorf("uid %d: -T: status %d, %s", who, status, errs)
		}
		token := filepath.Join(home, "salt_token")
		if info, err := os.Stat(token); err != nil || info.Mode().Perm() != 0o600 {
			c.Errorf("uid %d: the token: %v, %v", who, info, err)
		}
		c.same(ctx, "test.arg", "by a token", "-a", "auto")
		if err := os.WriteFile(token, []byte(strings.Repeat("0", 64)), 0o600); err != nil {
			t.Fatal(err)
		}
		c.refused(ctx, "test.arg", "a", "-a", "auto")
	}
}

// ask runs a program in the caller's name.
func (c *caller) ask(ctx context.Context, cmd *exec.Cmd) (stdout, stderr []byte, status int) {
	c.Helper()
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Env = append(slices.DeleteFunc(cmd.Environ(), func(v string) bool {
		return strings.HasPrefix(v, "HOME=") || strings.HasPrefix(v, "XDG_")
	}), "HOME="+c.home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: &syscall.Credential{Uid: c.uid, Gid: c.uid}}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		c.Fatalf("%v: %v", cmd.Args, errors.Join(err, ctx.Err()))
	}
	return out.Bytes(), errs.Bytes(), cmd.ProcessState.ExitCode()
}

func (c *caller) saltRun(ctx context.Context, args ...string) []byte {
	c.Helper()
	out, _, _ := c.ask(ctx, c.lab.Command(ctx, "salt-run", append([]string{"-c", c.lab.ConfigDir()}, args...)...))
	return out
}

func (c *caller) same(ctx context.Context, args ...string) {
	c.Helper()
	got, errs, status := c.ask(ctx, c.command(ctx, args...))
	if want := c.saltRun(ctx, args...); !bytes.Equal(got, want) || status != 0 || len(got) == 0 {
		c.Errorf("uid %d: %q: status %d\ngorun:\n%s%s\nsalt-run:\n%s", c.uid, args, status, got, errs, want)
	}
}

// refused asks for what nobody may: salt-run prints as the answer what gorun says on stderr.
// (Of a token root's salt-run takes no notice, and one that is none it knows itself.)
func (c *caller) refused(ctx context.Context, args ...string) {
	c.Helper()
	got, errs, status := c.ask(ctx, c.command(ctx, args...))
	if len(got) > 0 || status != 3 || !bytes.Contains(errs, []byte("does not accept who asks")) {
		c.Errorf("uid %d: %q: status %d\n%s%s", c.uid, args, status, got, errs)
	}
	said := bytes.TrimSpace(c.saltRun(ctx, args...))
	if bytes.HasPrefix(said, []byte("Authentication failure")) && !bytes.Contains(errs, said) {
		c.Errorf("uid %d: %q: salt-run says %s, gorun %s", c.uid, args, said, errs)
	}
}
