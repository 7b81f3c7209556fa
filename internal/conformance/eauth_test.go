//go:build conformance

package conformance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

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

// hashed are users as salt.auth.file has them, who are all to be told by their own name.
func hashed(names ...string) (file []byte) {
	for _, name := range names {
		file = fmt.Appendf(file, "%s:%x\n", name, sha256.Sum256([]byte("hidden-"+name)))
	}
	return file
}

// passable lets every user reach a folder of the test's.
func passable(t *testing.T, dir string) {
	t.Helper()
	for ; dir != filepath.Dir(os.TempDir()) && dir != "/"; dir = filepath.Dir(dir) {
		if info, err := os.Stat(dir); err == nil && info.Mode().Perm()&0o005 == 0 {
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// external asks by name and password and by token, as root and as the master's user. The
// external_auth of the lab lets ann do everything, and bob and carl nothing.
func external(ctx context.Context, t *testing.T, g gorun, lab *saltlab.Lab, uid int) {
	t.Helper()
	for _, who := range []int{os.Getuid(), uid} {
		home := t.TempDir()
		passable(t, home)
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
		if who == uid {
			c.passwords(ctx, token)
		}
	}
}

// passwords asks by those of a file, and by a token for them whose file is not as it should
// be.
func (c *caller) passwords(ctx context.Context, token string) {
	c.Helper()
	as := func(name, password string, args ...string) []string {
		return append(args, "-a", "file", "--username", name, "--password", "hidden-"+password)
	}
	if err := os.Remove(token); err != nil { // salt-run asks by it, whatever else is given
		c.Fatal(err)
	}
	c.same(ctx, as("ann", "ann", "test.arg", "a")...)
	c.refused(ctx, as("ann", "carl", "test.arg", "a")...)
	c.refused(ctx, as("nobody", "ann", "test.arg", "a")...)
	c.refused(ctx, as("carl", "carl", "test.arg", "a")...) // whose password is right
	for _, test := range []struct {
		password string
		status   int
		said     string
	}{{"carl", 3, "make a token: the master does not accept who asks"}, {"ann", 0, ""}} {
		_, errs, status := c.ask(ctx, c.command(ctx, append(as("ann", test.password, "test.arg", "a"), "-T")...))
		if status != test.status || !bytes.Contains(errs, []byte(test.said)) {
			c.Errorf("-T: status %d, %s", status, errs)
		}
	}
	c.chmod(token, 0o644) // which Salt does not mind
	c.same(ctx, "test.arg", "by a token", "-a", "file")
	for _, test := range []struct {
		mode   os.FileMode
		age    time.Duration
		status int
		said   string
	}{
		{0o000, 0, 3, "read the token: "},
		{0o600, 13 * time.Hour, 2, "no username"}, // token_expire is 12 hours
	} {
		c.chmod(token, test.mode)
		written := time.Now().Add(-test.age)
		if err := os.Chtimes(token, written, written); err != nil {
			c.Fatal(err)
		}
		out, errs, status := c.ask(ctx, c.command(ctx, "test.arg", "a", "-a", "file"))
		if len(out) > 0 || status != test.status || !bytes.Contains(errs, []byte(test.said)) {
			c.Errorf("a token's file of mode %v, %v old: status %d\n%s%s", test.mode, test.age, status, out, errs)
		}
	}
}

func (c *caller) chmod(file string, mode os.FileMode) {
	c.Helper()
	if err := os.Chmod(file, mode); err != nil {
		c.Fatal(err)
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
	var got, errs, want []byte
	var status int
	settle(c.T, strings.Join(args[:1], " "), func() bool {
		got, errs, status = c.ask(ctx, c.command(ctx, args...))
		want = c.saltRun(ctx, args...)
		return bytes.Equal(got, want)
	})
	if !bytes.Equal(got, want) || status != 0 || len(got) == 0 {
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
