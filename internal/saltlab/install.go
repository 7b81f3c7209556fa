package saltlab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// ErrNoPython is returned when no Python that a Salt release runs on is found.
var ErrNoPython = errors.New("no fitting Python")

// ErrNotBuilt is returned when the packages of a Salt release cannot be had or compiled here.
var ErrNotBuilt = errors.New("cannot be built here")

// Lacking tells whether a Salt is not there because this machine has not what it needs.
func Lacking(err error) bool {
	return errors.Is(err, ErrNoPython) || errors.Is(err, ErrNotBuilt)
}

// A recipe says how one generation of Salt is brought into an environment of its
// own: which Python runs it and which releases of its companions still fit.
type recipe struct {
	since  string   // the first release that it is for
	python string   // "3" for any that the machine calls python3, otherwise the minor release
	env    string   // the variable that names another Python
	first  []string // installed before the rest: what builds the rest
	pins   []string
}

// recipes stand in the order of the releases.
var recipes = []recipe{
	// M2Crypto is compiled: it wants OpenSSL's headers and a swig whose script Python 2 can read.
	{since: "2014", python: "2.7", env: "GORUN_PYTHON2", first: []string{"swig<4.1"}, pins: append([]string{
		"msgpack-python<0.6", "pycrypto", "M2Crypto==0.38.0", "typing"}, python2...)},
	{since: "2016", python: "2.7", env: "GORUN_PYTHON2", pins: append([]string{
		"msgpack<1", "pycryptodomex"}, python2...)},
	{since: "3000", python: "3.8", env: "GORUN_PYTHON38", first: []string{"setuptools<60", "wheel"}, pins: []string{
		"jinja2<3.1", "markupsafe<2.1", "msgpack<1.0.5", "pyzmq<24"}},
	{since: "3006", python: "3", env: "GORUN_PYTHON3"},
}

var python2 = []string{"pyzmq<20", "tornado<5", "jinja2<3", "pyyaml<5", "requests<2.28", "futures", "markupsafe<2",
	"python-dateutil<2.9"} // jobs.list_jobs ignores times without it

func recipeFor(version string) recipe {
	found := recipes[0]
	for _, r := range recipes {
		if AtLeast(version, r.since) {
			found = r
		}
	}
	return found
}

// AtLeast tells whether a release of Salt is the given one or a later one. Both are
// numbers between dots, of which the earlier ones count more.
func AtLeast(version, since string) bool {
	return slices.Compare(numbers(version), numbers(since)) >= 0
}

func numbers(version string) []int {
	var ns []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			break
		}
		ns = append(ns, n)
	}
	return ns
}

// CacheDir returns the folder below which the environments stand: GORUN_SALT_CACHE,
// or else gorun/salt in the user's cache folder.
func CacheDir() (string, error) {
	if dir := os.Getenv("GORUN_SALT_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "gorun", "salt"), nil
}

// Install returns the folder of a Python environment that has Salt of the given
// release (such as "3008.3"), and makes it with pip where there is none yet: a
// minute or two, and network access. Errors are ErrNoPython and those of the
// programs it runs, with what they printed.
func Install(ctx context.Context, version string) (string, error) {
	cache, err := CacheDir()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	venv := filepath.Join(cache, version)
	done := filepath.Join(venv, "installed")
	if _, err := os.Stat(done); err == nil {
		return venv, nil
	}
	lock := flock.New(venv + ".lock") // several test binaries may want it at once
	if err := lock.Lock(); err != nil {
		return "", fmt.Errorf("install salt %s: %w", version, err)
	}
	defer func() { _ = lock.Unlock() }() // the end of the process gives it back as well
	if _, err := os.Stat(done); err == nil {
		return venv, nil
	}
	if err := os.RemoveAll(venv); err != nil {
		return "", err
	}
	if err := recipeFor(version).install(ctx, cache, venv, version); err != nil {
		return "", fmt.Errorf("install salt %s: %w", version, err)
	}
	return venv, os.WriteFile(done, []byte(version+"\n"), 0o644)
}

func (r recipe) install(ctx context.Context, cache, venv, version string) error {
	python, err := r.find()
	if err != nil {
		return err
	}
	if err := r.environment(ctx, python, cache, venv); err != nil {
		return err
	}
	pip := filepath.Join(venv, "bin", "python")
	for _, packages := range [][]string{r.first, append([]string{"salt==" + version}, r.pins...)} {
		if len(packages) == 0 {
			continue
		}
		args := append([]string{"-m", "pip", "install", "-q", "--disable-pip-version-check"}, packages...)
		path := "PATH=" + filepath.Join(venv, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
		if err := run(ctx, []string{path}, pip, args...); err != nil {
			return fmt.Errorf("%w: %w", ErrNotBuilt, err)
		}
	}
	return run(ctx, nil, pip, filepath.Join(venv, "bin", "salt-run"), "--version")
}

// environment makes an empty environment. Python 2 has no venv: the last virtualenv
// that serves it stands beside the environments.
func (r recipe) environment(ctx context.Context, python, cache, venv string) error {
	if r.python != "2.7" {
		return run(ctx, nil, python, "-m", "venv", venv)
	}
	tool := filepath.Join(cache, "virtualenv")
	if _, err := os.Stat(tool); err != nil {
		err := run(ctx, nil, python, "-m", "pip", "install", "-q", "--disable-pip-version-check",
			"--target", tool, "virtualenv<20.22")
		if err != nil {
			return err
		}
	}
	return run(ctx, []string{"PYTHONPATH=" + tool}, python, "-m", "virtualenv", "-q", venv)
}

// find looks for the recipe's Python: the one that the environment names, one on
// the path, pyenv's newest.
func (r recipe) find() (string, error) {
	if named := os.Getenv(r.env); named != "" {
		return named, nil
	}
	if path, err := exec.LookPath("python" + r.python); err == nil && exec.Command(path, "-c", "").Run() == nil {
		return path, nil // pyenv's shims are there even where they lead nowhere
	}
	if home, err := os.UserHomeDir(); err == nil {
		pattern := filepath.Join(home, ".pyenv", "versions", r.python+".*", "bin", "python"+r.python)
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1], nil
		}
	}
	return "", fmt.Errorf("%w: this Salt wants Python %s; %s can name one", ErrNoPython, r.python, r.env)
}

// run runs a program of the installation; its output is part of the error only.
func run(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return nil
}
