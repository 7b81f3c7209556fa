package packaging

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestIcinga has a real Icinga 2 read the README's definitions and run the check that they define.
// The program is asked directly, without sudo, about a master that is not there.
func TestIcinga(t *testing.T) {
	icinga := tool(t, "icinga2")
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)```icinga\n(.*?)```").FindSubmatch(readme)
	if block == nil {
		t.Fatal("the README has no definitions for Icinga")
	}
	dir := t.TempDir()
	binary := filepath.Join(dir, "gorun")
	if out, err := exec.Command("go", "build", "-o", binary, "gorun/cmd/gorun").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text := string(block[1])
	for from, to := range map[string]string{
		`[ "/usr/bin/sudo", "-n", "-u", "salt", "/usr/bin/gorun", "check" ]`: fmt.Sprintf("[ %q, %q ]", binary, "check"),
		`check_command = "gorun"`: "check_command = \"gorun\"\n  check_interval = 1s",
	} {
		if strings.Count(text, from) != 1 {
			t.Fatalf("the README's definitions no longer have %s", from)
		}
		text = strings.Replace(text, from, to, 1)
	}
	status := filepath.Join(dir, "status.dat")
	text = fmt.Sprintf(`include <itl>
object CheckerComponent "checker" {}
object StatusDataWriter "status" { status_path = %q, objects_path = %q, update_interval = 1s }
object Host "salt-master" { check_command = "dummy" }
`, status, filepath.Join(dir, "objects.cache")) + text
	conf := filepath.Join(dir, "icinga.conf")
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"daemon", "-c", conf, "-DConfiguration.RunAsUser=" + me.Username, "-DConfiguration.RunAsGroup=" + me.Username}
	for _, name := range []string{"DataDir", "LogDir", "CacheDir", "InitRunDir", "SpoolDir"} {
		sub := filepath.Join(dir, name)
		if err := os.Mkdir(sub, 0o700); err != nil {
			t.Fatal(err)
		}
		args = append(args, "-DConfiguration."+name+"="+sub)
	}
	if out, err := exec.Command(icinga, append(args, "-C")...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	daemon := exec.CommandContext(ctx, icinga, args...)
	daemon.Env = append(os.Environ(), "SALT_CONFIG_DIR="+filepath.Join(dir, "none"))
	daemon.Cancel = func() error { return daemon.Process.Signal(os.Interrupt) }
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	var known []byte
	for !strings.Contains(string(known), "plugin_output=MINIONS UNKNOWN - ") && ctx.Err() == nil {
		time.Sleep(100 * time.Millisecond)
		known, _ = os.ReadFile(status) // it is not there yet
	}
	if ctx.Err() != nil || !strings.Contains(string(known), "current_state=3") {
		t.Errorf("no result of the check:\n%s", known)
	}
	cancel()
	_ = daemon.Wait() // it was told to end
}
