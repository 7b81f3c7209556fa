package master

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"gorun/value"
)

// maxIncludes is how deep included files may include others; Salt has no limit and
// dies of a file that includes itself.
const maxIncludes = 20

// reader reads configuration files as salt.config does.
type reader struct {
	note func(level slog.Level, format string, args ...any)
}

// masterFile is the file that Salt reads as the master's: that of dir, unless dir is
// Salt's own folder and SALT_MASTER_CONFIG or SALT_CONFIG_DIR names another.
func masterFile(dir string) string {
	file := filepath.Join(dir, "master")
	if dir != systemDir {
		return file
	}
	env := os.Getenv("SALT_MASTER_CONFIG")
	if salt := os.Getenv("SALT_CONFIG_DIR"); env == "" && salt != "" {
		env = filepath.Join(salt, "master")
	}
	if isFile(env) {
		return env
	}
	return file
}

// master reads the master file and what it includes. Includes are relative to the
// folder of place, wherever file itself stands.
func (r *reader) master(file, place string) (*value.Map, error) {
	opts, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		opts, err = value.NewMap(), nil
	}
	if err != nil {
		return nil, err
	}
	var usual value.Value = "master.d/*.conf"
	if v, ok := opts.Get("default_include"); ok {
		usual = v
	}
	named, _ := opts.Get("include")
	for _, include := range []struct {
		patterns value.Value
		warn     bool
	}{{usual, false}, {named, true}} {
		more, err := r.include(include.patterns, place, include.warn, 0)
		if err != nil {
			return nil, err
		}
		update(opts, more)
	}
	return opts, nil
}

// include reads the files that patterns (a glob or a list of globs, relative to the
// folder of from) match, in order: later ones win, but maps in them are merged and
// lists joined. A file that is no configuration is noted as an error and left out, as
// Salt does it.
func (r *reader) include(patterns value.Value, from string, warn bool, depth int) (*value.Map, error) {
	if depth > maxIncludes {
		return nil, fmt.Errorf("%s: includes nested too deep", from)
	}
	merged := value.NewMap()
	globs, ok := patterns.(value.List)
	if !ok && value.Truth(patterns) {
		globs = value.List{patterns}
	}
	for _, v := range globs {
		pattern, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("%s: include is %s, not a path", from, kindOf(v))
		}
		pattern = expandUser(pattern)
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(from), pattern)
		}
		files := glob(pattern)
		if len(files) == 0 && warn {
			r.note(slog.LevelWarn, "include %s matches no files", pattern)
		}
		for _, file := range files {
			opts, err := readFile(file)
			var broken *value.YAMLError
			if errors.As(err, &broken) || errors.Is(err, errNotMap) {
				r.note(slog.LevelError, "%v: the file is left out", err)
				continue
			}
			if err != nil {
				return nil, err
			}
			if nested, _ := opts.Get("include"); value.Truth(nested) {
				more, err := r.include(nested, file, warn, depth+1)
				if err != nil {
					return nil, err
				}
				update(opts, more)
			}
			merge(merged, opts)
		}
	}
	return merged, nil
}

// saltrc reads the user's own settings (salt.config.client_config): SALT_CLIENT_CONFIG,
// or saltrc in the XDG folder, or .saltrc.
func (r *reader) saltrc() (*value.Map, error) {
	file := expandUser("~/.saltrc")
	if dir, ok := xdgDir(); ok {
		file = filepath.Join(dir, "saltrc")
	}
	if env := os.Getenv("SALT_CLIENT_CONFIG"); isFile(env) {
		file = env
	}
	opts, err := readFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return opts, err
}

// xdgDir is the user's own folder for Salt, and whether it is there.
func xdgDir() (dir string, ok bool) {
	xdg := os.Getenv("XDG_CONFIG_HOME")
	if xdg == "" {
		xdg = expandUser("~/.config")
	}
	dir = filepath.Join(xdg, "salt")
	return dir, isDir(dir)
}

// errNotMap is returned when a file is sound YAML, but no map.
var errNotMap = errors.New("not a map of settings")

// readFile reads one configuration file; an empty one is an empty map, an id is text.
func readFile(file string) (*value.Map, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	v, err := value.FromYAML(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if !value.Truth(v) {
		return value.NewMap(), nil
	}
	opts, ok := v.(*value.Map)
	if !ok {
		return nil, fmt.Errorf("%s: %s: %w", file, kindOf(v), errNotMap)
	}
	if id, ok := opts.Get("id"); ok {
		if text, ok := scalarText(id); ok {
			opts.Set("id", text)
		}
	}
	return opts, nil
}

// update is Python's dict.update.
func update(dest, from *value.Map) {
	if from == nil {
		return
	}
	for _, e := range from.Entries {
		dest.Set(e.Key, e.Val)
	}
}

// merge is salt.utils.dictupdate.update with merge_lists.
func merge(dest, from *value.Map) {
	for _, e := range from.Entries {
		i := slices.IndexFunc(dest.Entries, func(d value.Entry) bool { return value.Equal(d.Key, e.Key) })
		if i < 0 {
			dest.Entries = append(dest.Entries, e)
			continue
		}
		there := &dest.Entries[i].Val
		switch val := e.Val.(type) {
		case *value.Map:
			if m, ok := (*there).(*value.Map); ok {
				merge(m, val)
				continue
			}
		case value.List:
			if l, ok := (*there).(value.List); ok {
				*there = joined(l, val)
				continue
			}
		}
		*there = e.Val
	}
}

// joined is list with what of more it does not have.
func joined(list, more value.List) value.List {
	all := slices.Clone(list)
	for _, v := range more {
		if !slices.ContainsFunc(list, func(have value.Value) bool { return value.Equal(have, v) }) {
			all = append(all, v)
		}
	}
	return all
}

// glob is Python's glob.glob, sorted: wildcards match no dot at the start of a name,
// and [!a] is what is [^a] in Go.
func glob(pattern string) []string {
	found, err := filepath.Glob(strings.ReplaceAll(pattern, "[!", "[^"))
	if err != nil { // a bracket without its fellow is itself in Python
		found, _ = filepath.Glob(strings.ReplaceAll(pattern, "[", `\[`))
	}
	parts := strings.Split(filepath.Clean(pattern), string(filepath.Separator))
	found = slices.DeleteFunc(found, func(path string) bool {
		for i, name := range strings.Split(path, string(filepath.Separator)) {
			if i < len(parts) && strings.HasPrefix(name, ".") && !strings.HasPrefix(parts[i], ".") {
				return true
			}
		}
		return false
	})
	slices.Sort(found)
	return found
}

// expandUser replaces a ~ at the start by the user's home.
func expandUser(path string) string {
	rest, ok := strings.CutPrefix(path, "~")
	if !ok {
		return path
	}
	name, rest, _ := strings.Cut(rest, "/")
	if home := os.Getenv("HOME"); name == "" && home != "" {
		return filepath.Join(home, rest)
	}
	find := user.Current
	if name != "" {
		find = func() (*user.User, error) { return user.Lookup(name) }
	}
	u, err := find()
	if err != nil {
		return path
	}
	return filepath.Join(u.HomeDir, rest)
}

func currentUser() string {
	u, err := user.Current()
	if err != nil {
		return ""
	}
	return u.Username
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
