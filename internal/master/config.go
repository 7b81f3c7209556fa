// Package master knows the Salt master of this machine from outside: its
// configuration, its minions' keys, where it listens.
package master

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"gorun/value"
)

// ErrConfig is returned when the configuration cannot be used: a file that cannot be
// read, that is no YAML (the *value.YAMLError inside has the line) or no map, or a
// setting of gorun's own that cannot be.
var ErrConfig = errors.New("configuration")

// Notice is something that the user should hear of, but that does not stop Salt, and
// so not gorun: an include that matches nothing, a setting of a strange type.
type Notice struct {
	Level slog.Level
	Text  string
}

// Config is the master's configuration as salt-run has it (salt.config.client_config):
// Salt's defaults, what the files say, paths below root_dir. The names are Salt's,
// the meaning is in Salt's documentation of the master's configuration.
type Config struct {
	Dir     string   // of the configuration, absolute
	File    string   // the master file in Dir, or what the environment has in its place
	Notices []Notice // of reading it, in order

	User     string // that the master runs as
	HashType string // of job directories' names, lower case

	RootDir, PkiDir, CacheDir, SockDir, SyndicDir string // absolute
	ClusterID, ClusterPkiDir                      string // the latter holds the keys where the former is set

	Interface        string // to reach the master at; 127.0.0.1 where it listens on all
	PublishPort      int    // of the commands to minions
	RetPort          int    // of requests
	Transport        string // zeromq, tcp, ws
	IPCMode          string // ipc or tcp
	TCPMasterPubPort int    // of the event bus for tcp
	MaxEventSize     int    // bytes

	Timeout, GatherJobTimeout time.Duration
	LoopInterval              time.Duration
	PresenceEvents            bool
	OrderMasters              bool // a master of syndics
	SyndicWait                time.Duration
	UniqueJID, UTCJID         bool
	RunnerReturns             bool // runners are stored as jobs
	Nodegroups                *value.Map

	KeepJobs             time.Duration // keep_jobs_seconds, or the older keep_jobs; 0: for ever
	JobCache             bool
	MasterJobCache       string // the returner that keeps the jobs: local_cache
	ExtJobCache          string // the returner on the minions
	JobCacheStoreEndtime bool

	Output                               string      // the outputter of every answer, empty for its own
	OutputIndent                         value.Value // see Get for null and absent
	NestedIndent                         int
	Color                                value.Value // nil: by the terminal
	ColorTheme                           string      // a file
	StripColors                          bool
	StateOutput                          string
	StateVerbose, StateOutputDiff        bool
	StateOutputProfile, StateOutputPct   bool
	StateCompressIDs                     bool
	StateTabular                         value.Value // a bool or a format
	StateOutputExclude, StateOutputTerse value.Value

	LogFile, LogLevel, LogLevelLogfile string // the last may be empty: LogLevel

	Gorun Gorun

	opts *value.Map // what the files say
	id   func() string
}

// setting is one key of the configuration: the field it fills and Salt's default
// (DEFAULT_MASTER_OPTS; nil for none).
type setting struct {
	key   string
	into  any
	deflt value.Value
}

// settings is the one table of keys that fill a field.
func (c *Config) settings() []setting {
	return []setting{
		{"user", &c.User, nil},
		{"hash_type", &c.HashType, "sha256"},
		{"root_dir", &c.RootDir, "/"},
		{"pki_dir", &c.PkiDir, systemDir + "/pki/master"},
		{"cachedir", &c.CacheDir, "/var/cache/salt/master"},
		{"sock_dir", &c.SockDir, "/var/run/salt/master"},
		{"cluster_id", &c.ClusterID, nil},
		{"cluster_pki_dir", &c.ClusterPkiDir, nil},
		{"interface", &c.Interface, "0.0.0.0"},
		{"publish_port", &c.PublishPort, int64(4505)},
		{"ret_port", &c.RetPort, int64(4506)},
		{"transport", &c.Transport, "zeromq"},
		{"ipc_mode", &c.IPCMode, "ipc"},
		{"tcp_master_pub_port", &c.TCPMasterPubPort, int64(4512)},
		{"max_event_size", &c.MaxEventSize, int64(1 << 20)},
		{"timeout", &c.Timeout, int64(5)},
		{"gather_job_timeout", &c.GatherJobTimeout, int64(10)},
		{"loop_interval", &c.LoopInterval, int64(60)},
		{"presence_events", &c.PresenceEvents, false},
		{"order_masters", &c.OrderMasters, false},
		{"syndic_wait", &c.SyndicWait, int64(5)},
		{"unique_jid", &c.UniqueJID, false},
		{"utc_jid", &c.UTCJID, false},
		{"runner_returns", &c.RunnerReturns, true},
		{"job_cache", &c.JobCache, true},
		{"master_job_cache", &c.MasterJobCache, "local_cache"},
		{"ext_job_cache", &c.ExtJobCache, ""},
		{"job_cache_store_endtime", &c.JobCacheStoreEndtime, false},
		{"output", &c.Output, nil},
		{"output_indent", &c.OutputIndent, nil},
		{"nested_indent", &c.NestedIndent, nil},
		{"color", &c.Color, nil},
		{"color_theme", &c.ColorTheme, nil},
		{"strip_colors", &c.StripColors, true},
		{"state_output", &c.StateOutput, "full"},
		{"state_verbose", &c.StateVerbose, true},
		{"state_output_diff", &c.StateOutputDiff, false},
		{"state_output_profile", &c.StateOutputProfile, true},
		{"state_output_pct", &c.StateOutputPct, nil},
		{"state_compress_ids", &c.StateCompressIDs, nil},
		{"state_tabular", &c.StateTabular, nil},
		{"state_output_exclude", &c.StateOutputExclude, nil},
		{"state_output_terse", &c.StateOutputTerse, nil},
		{"log_file", &c.LogFile, "/var/log/salt/master"},
		{"log_level", &c.LogLevel, "warning"},
		{"log_level_logfile", &c.LogLevelLogfile, nil},
	}
}

// systemDir is where Salt's configuration is (salt.syspaths).
var systemDir = cmp.Or(map[string]string{
	"freebsd": "/usr/local/etc/salt",
	"netbsd":  "/usr/pkg/etc/salt",
	"solaris": "/opt/local/etc/salt",
}[runtime.GOOS], "/etc/salt")

// DefaultDir is the configuration's folder where none is given: SALT_CONFIG_DIR, or
// /etc/salt and its like.
func DefaultDir() string {
	if dir := os.Getenv("SALT_CONFIG_DIR"); dir != "" {
		return dir
	}
	return systemDir
}

// Load reads the configuration in dir: the file master, what its default_include
// (master.d/*.conf) and include name, and the user's .saltrc. A master file that does
// not exist leaves Salt's defaults. Errors are ErrConfig.
func Load(dir string) (*Config, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c := &Config{Dir: dir}
	r := reader{note: c.note}
	c.File = masterFile(dir)
	if c.opts, err = r.master(c.File, filepath.Join(dir, "master")); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	for _, s := range c.settings() {
		c.fill(s, s.deflt)
	}
	c.apply(c.opts)
	c.HashType = strings.ToLower(c.HashType)
	c.KeepJobs = c.keepJobs()
	c.Nodegroups = c.nodegroups()
	c.arrangePaths()
	c.id = sync.OnceValue(c.findID)
	if f, _ := c.opts.Get("id_function"); value.Truth(f) {
		c.note(slog.LevelWarn, "id_function is Python, which gorun cannot call: a master's id that is not set is made of the host's name")
	}
	saltrc, err := r.saltrc()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	c.apply(saltrc)
	update(c.opts, saltrc)
	switch c.Interface {
	case "0.0.0.0":
		c.Interface = "127.0.0.1"
	case "::":
		c.Interface = "::1"
	}
	if c.User == "" {
		c.User = currentUser()
	}
	if c.Gorun, err = c.readGorun(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c, nil
}

// Get returns any key as the files have it, without defaults: a key that is null is
// there, one that no file has is not.
func (c *Config) Get(key string) (value.Value, bool) { return c.opts.Get(key) }

// ID is the master's own id, by which it names itself as target of its runners. Where
// the configuration has none it is found as Salt finds it, which may ask the DNS: at
// the first call, not before.
func (c *Config) ID() string { return c.id() }

// Socket is where the event bus listens: one of the two is set.
type Socket struct {
	Path string // of a unix socket
	TCP  string // host:port, for ipc_mode: tcp
}

func (s Socket) String() string { return s.Path + s.TCP }

// EventSocket is where this master's event bus listens.
func (c *Config) EventSocket() Socket {
	if c.IPCMode == "tcp" {
		return Socket{TCP: net.JoinHostPort("127.0.0.1", strconv.Itoa(c.TCPMasterPubPort))}
	}
	return Socket{Path: filepath.Join(c.SockDir, "master_event_pub.ipc")}
}

func (c *Config) note(level slog.Level, format string, args ...any) {
	c.Notices = append(c.Notices, Notice{level, fmt.Sprintf(format, args...)})
}

// apply fills the fields that opts has a value for.
func (c *Config) apply(opts *value.Map) {
	for _, s := range c.settings() {
		if v, ok := opts.Get(s.key); ok {
			c.fill(s, v)
		}
	}
}

// keepJobs follows the Salts up to 3007: keep_jobs, in hours, counts where it is set
// and keep_jobs_seconds is not. (3008 looks at the latter alone.)
func (c *Config) keepJobs() time.Duration {
	keep := 24 * time.Hour
	hours, old := c.opts.Get("keep_jobs")
	seconds, ok := c.opts.Get("keep_jobs_seconds")
	switch {
	case ok:
		c.fill(setting{"keep_jobs_seconds", &keep, nil}, seconds)
	case old:
		keep = 24 * time.Second
		c.fill(setting{"keep_jobs", &keep, nil}, hours)
		keep *= 3600
	}
	return keep
}

// nodegroups gives them as a map, which may stand in the file as a list of maps of one
// key each.
func (c *Config) nodegroups() *value.Map {
	v, _ := c.opts.Get("nodegroups")
	if m, ok := v.(*value.Map); ok {
		return m
	}
	groups := value.NewMap()
	list, ok := v.(value.List)
	for _, v := range list {
		m, one := v.(*value.Map)
		if ok = ok && one && m.Len() == 1; ok {
			groups.Set(m.Entries[0].Key, m.Entries[0].Val)
		}
	}
	if v != nil && !ok {
		c.note(slog.LevelWarn, "setting nodegroups is %s, not usable: there are none", kindOf(v))
		return value.NewMap()
	}
	return groups
}

// arrangePaths puts the folders below root_dir as apply_master_config does.
func (c *Config) arrangePaths() {
	if logDir, _ := c.opts.Get("log_dir"); value.Truth(logDir) {
		if dir, ok := logDir.(string); ok {
			c.LogFile = c.logFileIn(dir)
		}
	}
	if utf8.RuneCountInString(c.SockDir) > utf8.RuneCountInString(c.CacheDir)+10 {
		c.SockDir = filepath.Join(c.CacheDir, ".salt-unix")
	}
	c.SyndicDir = filepath.Join(c.CacheDir, "syndics")
	paths := []*string{&c.PkiDir, &c.CacheDir, &c.SockDir, &c.SyndicDir}
	if !hasScheme(c.LogFile) {
		paths = append(paths, &c.LogFile)
	}
	root, err := filepath.Abs(c.RootDir)
	if err != nil { // the working directory is gone
		root = c.RootDir
	}
	for _, path := range paths {
		*path = belowRoot(root, *path)
	}
	if c.ClusterID != "" && c.ClusterPkiDir == "" {
		c.ClusterPkiDir = c.PkiDir
	}
}

// logFileIn is the log file where log_dir is set.
func (c *Config) logFileIn(dir string) string {
	file, _ := c.opts.Get("log_file")
	switch {
	case !value.Truth(file):
		return filepath.Join(dir, filepath.Base(c.LogFile))
	case filepath.IsAbs(c.LogFile):
		return c.LogFile
	}
	return filepath.Join(dir, c.LogFile)
}
