package jobcache_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"gorun/jobcache"
	"gorun/value"
)

// saltFile writes a file of a job's directory, as Salt lays it out.
func saltFile(t *testing.T, root, jid, name string, data []byte) {
	t.Helper()
	sum := sha256.Sum256([]byte(jid))
	h := hex.EncodeToString(sum[:])
	path := filepath.Join(root, "jobs", h[:2], h[2:], name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func packed(t *testing.T, v value.Value) []byte {
	t.Helper()
	data, err := value.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestSaltCache(t *testing.T) {
	root := t.TempDir()
	saltFile(t, root, jid, "jid", []byte(jid))
	saltFile(t, root, jid, "endtime", []byte("2026, Nov 22 07:38:30.000001\n"))
	saltFile(t, root, jid, ".load.p", raw(t, "jid", jid, "fun", "test.ping", "tgt", "*", "metadata", value.NewMap("k", "v")))
	saltFile(t, root, jid, ".minions.p", packed(t, value.List{"m1", "m2"}))
	saltFile(t, root, jid, ".minions.below.p", packed(t, value.List{"m3", "m1"}))
	saltFile(t, root, jid, "m1/return.p", raw(t, "return", true, "retcode", int64(0)))
	saltFile(t, root, jid, "m1/out.p", packed(t, "highstate"))
	saltFile(t, root, jid, "m2/return.p", packed(t, "the return alone, as up to 2015.8"))
	saltFile(t, root, jid, "m3/return.p", raw(t, "return", "cut")[:5])
	const cut, empty, early = "20261122073829000001", "20261122073829000002", "20261122073829000000"
	saltFile(t, root, cut, ".load.p", raw(t, "jid", cut, "fun", "test.ping")[:9])
	saltFile(t, root, empty, ".load.p", nil)
	saltFile(t, root, early, ".load.p", raw(t, "jid", early, "fun", "cmd.run"))

	var logged bytes.Buffer
	c, err := jobcache.OpenSalt(root, "sha256", slog.New(slog.NewTextHandler(&logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	job, err := c.Job(t.Context(), jid)
	if err != nil {
		t.Fatal(err)
	}
	if job.Fun != "test.ping" || job.Source != jobcache.FromNew || len(job.Metadata) == 0 || len(job.Minions) != 3 {
		t.Errorf("got %+v", job)
	}
	got := map[string]value.Value{}
	err = c.Returns(t.Context(), jid, func(r *jobcache.Return) error {
		v, err := r.Event.Decode()
		got[r.Minion] = v
		return err
	})
	want := map[string]value.Value{
		"m1": value.NewMap("return", true, "retcode", int64(0), "out", "highstate"),
		"m2": value.NewMap("return", "the return alone, as up to 2015.8"),
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, %v", got, err)
	}
	var jids []string
	err = c.Jobs(t.Context(), jobcache.Selection{}, func(job *jobcache.Job) error { jids = append(jids, job.JID); return nil })
	if err != nil || fmt.Sprint(jids) != fmt.Sprint([]string{early, jid}) {
		t.Errorf("got %v, %v", jids, err)
	}
	if end, err := c.EndTime(jid); err != nil || end != "2026, Nov 22 07:38:30.000001" {
		t.Errorf("got %q, %v", end, err)
	}
	for _, file := range []string{"m3/return.p", "/.load.p"} {
		if !strings.Contains(logged.String(), file) {
			t.Errorf("the cut %s is not named in\n%s", file, logged.String())
		}
	}
	if _, err := c.Minions(t.Context()); !errors.Is(err, jobcache.ErrNoStore) {
		t.Errorf("minions: %v", err)
	}
}

// A jid or an id never leads out of the cache.
func TestSaltCacheHostile(t *testing.T) {
	root := t.TempDir()
	saltFile(t, root, jid, ".load.p", raw(t, "jid", jid))
	c, err := jobcache.OpenSalt(root, "sha256", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"", "../../../../etc/pw", jid + "_/../..", "2026112207382940775\x00"} {
		if _, err := c.Job(t.Context(), bad); !errors.Is(err, jobcache.ErrUnknownJob) {
			t.Errorf("%q: %v", bad, err)
		}
		if err := c.Returns(t.Context(), bad, nil); err != nil {
			t.Errorf("%q: %v", bad, err)
		}
		if r, err := c.Return(jid, bad); r != nil || err != nil {
			t.Errorf("minion %q: %v, %v", bad, r, err)
		}
	}
	if r, err := c.Return(jid, ".load.p"); r != nil || err != nil { // an id that is a file's name
		t.Errorf("%v, %v", r, err)
	}
	if _, err := jobcache.OpenSalt(root, "crc32", slog.Default()); !errors.Is(err, jobcache.ErrForeign) {
		t.Errorf("hash_type: %v", err)
	}
	if _, err := jobcache.OpenSalt(filepath.Join(root, "no"), "md5", slog.Default()); !errors.Is(err, jobcache.ErrNoStore) {
		t.Errorf("no cache: %v", err)
	}
}

// openSalt opens the cache below root, and says what it logs.
func openSalt(t *testing.T, root string) (*jobcache.SaltCache, *bytes.Buffer) {
	t.Helper()
	logged := new(bytes.Buffer)
	c, err := jobcache.OpenSalt(root, "sha256", slog.New(slog.NewTextHandler(logged, nil)))
	if err != nil {
		t.Fatal(err)
	}
	return c, logged
}

// glob is what there is below root.
func glob(t *testing.T, root, pattern string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(root, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return names
}
