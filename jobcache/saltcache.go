package jobcache

import (
	"context"
	"crypto/md5"  //nolint:gosec // names directories, as Salt's hash_type may have it
	"crypto/sha1" //nolint:gosec // likewise
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"gorun/value"
)

// SaltCache reads Salt's own job cache, <cachedir>/jobs, as salt.returners.local_cache has
// written it since 2014: one directory a job, one below it a minion that returned. It
// changes nothing there. A file that cannot be read is logged and passed over.
type SaltCache struct {
	dir  string
	hash func(jid string) string
	log  *slog.Logger
}

// OpenSalt opens the cache below cachedir, whose directories are named with hashType (md5,
// sha1, sha224, sha256, sha384 or sha512). ErrNoStore where there is none, ErrForeign for
// another hash.
func OpenSalt(cachedir, hashType string, log *slog.Logger) (*SaltCache, error) {
	hash, ok := hashes[hashType]
	if !ok {
		return nil, fmt.Errorf("hash_type %s: %w", hashType, ErrForeign)
	}
	dir := filepath.Join(cachedir, "jobs")
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", dir, ErrNoStore)
	} else if err != nil {
		return nil, fmt.Errorf("open salt's job cache: %w", err)
	}
	return &SaltCache{dir: dir, hash: hash, log: log}, nil
}

var hashes = map[string]func(string) string{
	"md5":    func(s string) string { h := md5.Sum([]byte(s)); return hex.EncodeToString(h[:]) },  //nolint:gosec // see above
	"sha1":   func(s string) string { h := sha1.Sum([]byte(s)); return hex.EncodeToString(h[:]) }, //nolint:gosec // see above
	"sha224": func(s string) string { h := sha256.Sum224([]byte(s)); return hex.EncodeToString(h[:]) },
	"sha256": func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) },
	"sha384": func(s string) string { h := sha512.Sum384([]byte(s)); return hex.EncodeToString(h[:]) },
	"sha512": func(s string) string { h := sha512.Sum512([]byte(s)); return hex.EncodeToString(h[:]) },
}

// The files of a job's directory.
const (
	loadFile    = ".load.p"
	returnFile  = "return.p"
	outFile     = "out.p"
	endtimeFile = "endtime"
	minionsGlob = ".minions*.p" // also .minions.<syndic>.p
)

// jobDir is where a job lies. A jid that is none lies nowhere. Where the configured hash has
// no folder, another one may: hash_type can have been changed, and without one a master up to
// 2016.11 takes md5 and newer ones sha256.
func (c *SaltCache) jobDir(jid string) (string, error) {
	if !ValidJID(jid) {
		return "", fmt.Errorf("%s: %w", jid, ErrUnknownJob)
	}
	wanted := c.named(c.hash, jid)
	if isThere(wanted) {
		return wanted, nil
	}
	for _, hash := range hashes {
		if dir := c.named(hash, jid); isThere(dir) {
			return dir, nil
		}
	}
	return wanted, nil
}

// named is the folder that a hash gives a job.
func (c *SaltCache) named(hash func(string) string, jid string) string {
	h := hash(jid)
	return filepath.Join(c.dir, h[:2], h[2:])
}

func isThere(dir string) bool {
	_, err := os.Lstat(dir)
	return err == nil
}

// Job is Reader.Job.
func (c *SaltCache) Job(_ context.Context, jid string) (*Job, error) {
	dir, err := c.jobDir(jid)
	if err != nil {
		return nil, err
	}
	job, err := c.readLoad(dir)
	if err != nil {
		return nil, err
	}
	if job == nil {
		return nil, fmt.Errorf("%s: %w", jid, ErrUnknownJob)
	}
	job.JID, job.Stamp = jid, written(filepath.Join(dir, loadFile))
	job.Minions, err = c.minionsOf(dir)
	return job, err
}

// readLoad reads what was published; nil where that is not there or cannot be read.
func (c *SaltCache) readLoad(dir string) (*Job, error) {
	load, err := c.readMsgpack(filepath.Join(dir, loadFile))
	if load == nil || err != nil {
		return nil, err
	}
	job := &Job{Source: FromNew, Load: load}
	err = value.Fields(load, func(key string, val value.Raw) error {
		switch key {
		case "jid":
			job.JID, _ = val.Text()
		case "fun":
			job.Fun, _ = val.Text()
		case "metadata":
			job.Metadata = val
		}
		return nil
	})
	if err != nil {
		c.log.Warn("passed over a file of salt's job cache", "file", filepath.Join(dir, loadFile), "error", err)
		return nil, nil
	}
	return job, nil
}

// readMsgpack reads a file of one value. Nil for one that is not there, is empty (Salt is
// about to write it), or is cut: that is logged.
func (c *SaltCache) readMsgpack(name string) (value.Raw, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || err == nil && len(data) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read salt's job cache: %w", err)
	}
	if n, err := value.Span(data); err != nil || n != len(data) {
		c.log.Warn("passed over a file of salt's job cache", "file", name, "error", errors.Join(err, value.ErrMalformed))
		return nil, nil
	}
	return data, nil
}

// minionsOf reads whom the job went to, those below syndics as well.
func (c *SaltCache) minionsOf(dir string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(dir, minionsGlob))
	if err != nil {
		return nil, err // never: the pattern is sound
	}
	var all []string
	for _, name := range names {
		raw, err := c.readMsgpack(name)
		if err != nil {
			return nil, err
		}
		if raw == nil {
			continue
		}
		v, err := raw.Decode()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		list, _ := v.(value.List)
		for _, e := range list {
			if id, ok := e.(string); ok && !slices.Contains(all, id) {
				all = append(all, id)
			}
		}
	}
	return all, nil
}

// Returns is Reader.Returns.
func (c *SaltCache) Returns(ctx context.Context, jid string, f func(*Return) error) error {
	ids, err := c.Returned(ctx, jid)
	if err != nil {
		return err
	}
	for _, id := range ids {
		r, err := c.Return(jid, id)
		if err == nil && r != nil {
			err = f(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Returned lists the minions that have a folder in that of the job.
func (c *SaltCache) Returned(_ context.Context, jid string) ([]string, error) {
	dir, err := c.jobDir(jid)
	if err != nil {
		return nil, nil
	}
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read salt's job cache: %w", err)
	}
	var ids []string
	for _, e := range entries {
		if e.IsDir() && ValidMinion(e.Name()) && !strings.HasPrefix(e.Name(), ".") {
			ids = append(ids, e.Name())
		}
	}
	return ids, nil
}

// Return reads what one minion returned; nil where it is not there.
func (c *SaltCache) Return(jid, minion string) (*Return, error) {
	dir, err := c.jobDir(jid)
	if err != nil || !ValidMinion(minion) {
		return nil, err
	}
	return c.readReturn(dir, minion)
}

// readReturn makes of return.p and out.p what the bus would have carried. Up to 2015.8
// return.p is the return alone.
func (c *SaltCache) readReturn(dir, minion string) (*Return, error) {
	ret, err := c.readMsgpack(filepath.Join(dir, minion, returnFile))
	if ret == nil || err != nil {
		return nil, err
	}
	var kept []value.Raw // key, value, …
	whole := false
	err = value.Fields(ret, func(key string, val value.Raw) error {
		whole = whole || key == "return"
		kept = append(kept, value.AppendText(nil, key), val)
		return nil
	})
	if err != nil || !whole {
		kept = []value.Raw{value.AppendText(nil, "return"), ret}
	}
	out, err := c.readMsgpack(filepath.Join(dir, minion, outFile))
	if err != nil {
		return nil, err
	}
	if out != nil {
		kept = append(kept, value.AppendText(nil, "out"), out)
	}
	event := value.AppendMap(nil, len(kept)/2)
	for _, raw := range kept {
		event = append(event, raw...)
	}
	return &Return{Minion: minion, Stamp: written(filepath.Join(dir, minion, returnFile)), Event: event, Kept: true}, nil
}

// written is when Salt wrote a file, soon after the event, in microseconds since 1970; 0 where
// that cannot be had.
func written(name string) int64 {
	info, err := os.Stat(name)
	if err != nil {
		return 0
	}
	return info.ModTime().UnixMicro()
}

// EndTime reads when the newest return came, as Salt writes times; empty where Salt does
// not keep it (job_cache_store_endtime).
func (c *SaltCache) EndTime(jid string) (string, error) {
	dir, err := c.jobDir(jid)
	if err != nil {
		return "", nil
	}
	data, err := os.ReadFile(filepath.Join(dir, endtimeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("read salt's job cache: %w", err)
	}
	return strings.Trim(string(data), "\n"), nil
}

// Jobs is Reader.Jobs. It reads the directories in parallel: on a busy master there are
// hundreds of thousands.
func (c *SaltCache) Jobs(ctx context.Context, s Selection, f func(*Job) error) error {
	tops, err := os.ReadDir(c.dir)
	if err != nil {
		return fmt.Errorf("read salt's job cache: %w", err)
	}
	var (
		mu    sync.Mutex
		jobs  []*Job
		first error
		work  = make(chan string)
		done  sync.WaitGroup
	)
	for range runtime.GOMAXPROCS(0) {
		done.Go(func() {
			for top := range work {
				found, err := c.jobsBelow(top, &s)
				mu.Lock()
				jobs = append(jobs, found...)
				first = errors.Join(first, err)
				mu.Unlock()
			}
		})
	}
	for _, top := range tops {
		if top.IsDir() && ctx.Err() == nil {
			work <- filepath.Join(c.dir, top.Name())
		}
	}
	close(work)
	done.Wait()
	if err := errors.Join(first, context.Cause(ctx)); err != nil {
		return err
	}
	slices.SortFunc(jobs, func(a, b *Job) int { return s.order(a.JID, b.JID) })
	wanted := make(map[string]bool)
	for _, job := range jobs {
		if s.Fun != nil {
			if _, asked := wanted[job.Fun]; !asked {
				wanted[job.Fun] = s.Fun(job.Fun)
			}
			if !wanted[job.Fun] {
				continue
			}
		}
		if err := f(job); err != nil {
			return err
		}
	}
	return nil
}

// jobsBelow reads the jobs of one of the up to 256 directories that are within the bounds.
func (c *SaltCache) jobsBelow(top string, s *Selection) ([]*Job, error) {
	finals, err := os.ReadDir(top)
	if errors.Is(err, fs.ErrNotExist) { // it was emptied meanwhile
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read salt's job cache: %w", err)
	}
	var jobs []*Job
	for _, final := range finals {
		job, err := c.readLoad(filepath.Join(top, final.Name()))
		if err != nil {
			return nil, err
		}
		if job != nil && ValidJID(job.JID) && s.within(job.JID) {
			jobs = append(jobs, job)
		}
	}
	return jobs, nil
}

// Failures has none: what they tell stands in the returns already.
func (c *SaltCache) Failures(context.Context, string, func(Failure)) error { return nil }

// Minions is ErrNoStore: Salt's job cache is no evidence of who is up.
func (c *SaltCache) Minions(context.Context) (map[string]Minion, error) {
	return nil, fmt.Errorf("who is up does not stand in %s: %w", c.dir, ErrNoStore)
}

// Status says that what is read here is current: the master itself writes it.
func (c *SaltCache) Status(_ context.Context, now time.Time) (Status, error) {
	return Status{Listening: true, Heartbeat: now}, nil
}
