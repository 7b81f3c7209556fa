package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"gorun/value"
)

// saltfileOptions are the names that options have in a Saltfile where these are not the
// option's own with _ for -.
var saltfileOptions = map[string]string{
	"output": "out", "output_indent": "out-indent", "output_file": "out-file", "output_file_append": "out-file-append",
	"log_level_logfile": "log-file-level", "profiling_enabled": "enable-profiling", "mktoken": "make-token",
}

// applySaltfile gives options that are not on the command line the values of a Saltfile
// (salt.utils.parsers.SaltfileMixIn): the one that --saltfile or SALT_SALTFILE names, else
// Saltfile here, else ~/.salt/Saltfile. What it holds for salt-run counts, and before that
// what it holds for gorun.
func applySaltfile(c *cli.Context) error {
	file, named := findSaltfile(c.String("saltfile"))
	if file == "" {
		return nil
	}
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) && named {
		return fmt.Errorf("%w: Saltfile %s does not exist", errUsage, file)
	}
	if err != nil {
		return fmt.Errorf("read the Saltfile: %w", err)
	}
	v, err := value.FromYAML(data)
	if err != nil {
		return fmt.Errorf("read the Saltfile %s: %w", file, err)
	}
	all, _ := v.(*value.Map)
	for _, program := range []string{"gorun", "salt-run"} {
		section, _ := all.Get(program)
		options, _ := section.(*value.Map)
		if err := setOptions(c, options); err != nil {
			return fmt.Errorf("%w: Saltfile %s: %w", errUsage, file, err)
		}
	}
	return nil
}

// findSaltfile returns the path of the Saltfile, empty where there is none, and whether
// somebody named it.
func findSaltfile(option string) (file string, named bool) {
	for _, name := range []string{option, os.Getenv("SALT_SALTFILE")} {
		if name != "" {
			return name, true
		}
	}
	places := []string{"Saltfile"}
	if home, err := os.UserHomeDir(); err == nil {
		places = append(places, filepath.Join(home, ".salt", "Saltfile"))
	}
	for _, place := range places {
		if info, err := os.Stat(place); err == nil && info.Mode().IsRegular() {
			return place, false
		}
	}
	return "", false
}

// setOptions sets the options that the command line has not set.
func setOptions(c *cli.Context, options *value.Map) error {
	if options == nil {
		return nil
	}
	for _, e := range options.Entries {
		key, _ := e.Key.(string)
		name, ok := saltfileOptions[key]
		if !ok {
			name = strings.ReplaceAll(key, "_", "-")
		}
		if c.IsSet(name) || !isOption(name) {
			continue // one of the master's settings, perhaps, which gorun reads elsewhere
		}
		if err := c.Set(name, fmt.Sprint(e.Val)); err != nil {
			return err
		}
	}
	return nil
}

func isOption(name string) bool {
	for _, f := range flags {
		for _, n := range f.Names() {
			if n == name {
				return true
			}
		}
	}
	return false
}
