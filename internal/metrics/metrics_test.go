package metrics_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"gorun/internal/metrics"
	"gorun/jobcache"
	"gorun/value"
)

// accepted lists no key but accepted ones.
func accepted(ids ...string) func(string) ([]string, error) {
	return func(state string) ([]string, error) {
		if state == "accepted" {
			return ids, nil
		}
		return nil, nil
	}
}

// made is a store that f has filled.
func made(t testing.TB, f func(*jobcache.Tx) error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), jobcache.File)
	w, err := jobcache.OpenWriter(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Update(t.Context(), f), w.Close()); err != nil {
		t.Fatal(err)
	}
	return path
}

// text is a sample as it is written.
func text(t testing.TB, s *metrics.Sample) string {
	t.Helper()
	var b strings.Builder
	if err := s.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func wantLines(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

const jid = "20261122073829000001"

// full is something of everything.
func full(now time.Time) func(*jobcache.Tx) error {
	at := now.UnixMicro()
	return func(tx *jobcache.Tx) error {
		good, err := value.Encode(value.NewMap("retcode", int64(0), "return", true))
		bad, err2 := value.Encode(value.NewMap("retcode", int64(1), "return", true))
		tx.Count("events", 42)
		tx.Count("reconnects", 3)
		tx.Count("skipped.malformed", 4)
		tx.Count("skipped.overrun", 5)
		tx.Count("skipped.max_minions", 6)
		tx.Count("skipped.salt_file", 7)
		tx.Heard(now.Add(-time.Minute).UnixMicro())
		tx.Heard(at)
		tx.Alive("m1", at, "salt/minion/m1/start")
		tx.Alive("m2", at-10e6, "salt/minion/m2/start")
		tx.Asked("m2", at-9e6, jid)
		return errors.Join(err, err2, tx.Heartbeat(now, true, jobcache.Since3000),
			tx.PutHole(jobcache.Hole{Start: now.Add(-time.Hour), Until: now, Reason: jobcache.Overrun, Events: 5}, 0),
			tx.PutJob(jobcache.Job{JID: jid, Fun: "test.ping", Source: jobcache.FromNew, Stamp: at - 1e6, Load: value.AppendMap(nil, 0)}),
			tx.PutReturn(jid, jobcache.Return{Minion: "m1", Stamp: at - 8e5, Event: good}),
			tx.PutReturn(jid, jobcache.Return{Minion: "m2", Stamp: at, Event: bad}))
	}
}

// Every family is in a sample of something of everything, and says what the store says.
func TestSample(t *testing.T) {
	now := time.Now()
	cfg := metrics.Config{
		Store: made(t, full(now)), Gather: 5 * time.Second, MaxSize: 1000, Minions: true, Version: "1", Commit: "2", Go: "3",
		Queue: func() (int, int) { return 8, 9 },
		Keys: func(state string) ([]string, error) {
			return map[string][]string{"accepted": {"m1", "m2", "m3"}, "pending": {"p1", "p2"}, "denied": {"d1"}}[state], nil
		},
	}
	s := metrics.Read(t.Context(), cfg, now)
	if !s.Up || len(s.Missing) > 0 {
		t.Errorf("up: %v, missing: %v", s.Up, s.Missing)
	}
	got := text(t, s)
	wantLines(t, got,
		`gorun_build_info{commit="2",goversion="3",version="1"} 1`, `gorun_subscriber_up 1`, `gorun_events_total 42`,
		`gorun_reconnects_total 3`, `gorun_decode_errors_total{reason="malformed"} 4`, `gorun_decode_errors_total{reason="jid"} 0`,
		`gorun_overrun_events_total 5`, `gorun_bounded_total{setting="max_minions"} 6`, `gorun_salt_files_skipped_total 7`,
		`gorun_event_lag_seconds_count 2`, `gorun_jobs_total{function="test.ping"} 1`,
		`gorun_returns_total{function="test.ping",result="succeeded"} 1`, `gorun_returns_total{function="test.ping",result="failed"} 1`,
		`gorun_return_duration_seconds_bucket{function="test.ping",le="0.1"} 0`,
		`gorun_return_duration_seconds_bucket{function="test.ping",le="0.25"} 1`,
		`gorun_return_duration_seconds_bucket{function="test.ping",le="1"} 2`,
		`gorun_return_duration_seconds_sum{function="test.ping"} 1.2`,
		`gorun_minions{state="up"} 1`, `gorun_minions{state="down"} 1`, `gorun_minions{state="unknown"} 1`,
		`gorun_minion_up{minion="m1"} 1`, `gorun_minion_up{minion="m2"} 0`,
		`gorun_keys{state="accepted"} 3`, `gorun_keys{state="pending"} 2`, `gorun_keys{state="rejected"} 0`, `gorun_keys{state="denied"} 1`,
		`gorun_holes_open{reason="overrun"} 1`, `gorun_holes_open{reason="not running"} 0`,
		`gorun_store_max_bytes 1000`, `gorun_queue_bytes 8`, `gorun_queue_max_bytes 9`,
		`gorun_collected{part="store"} 1`, `gorun_collected{part="keys"} 1`,
	)
	last := parse(t, got)["gorun_last_event_timestamp_seconds"].GetMetric()[0].GetGauge().GetValue()
	if last != float64(now.UnixMicro())/1e6 {
		t.Errorf("the last event was at %f, not at %v", last, now)
	}
	for _, name := range metrics.Names() {
		if !strings.Contains(got, "# TYPE "+name+" ") {
			t.Errorf("no %s in the sample", name)
		}
	}
	cfg.Minions = false
	if got := text(t, metrics.Read(t.Context(), cfg, now)); strings.Contains(got, "m1") {
		t.Errorf("minions are named though nobody asked:\n%s", got)
	}
	// A minute later nobody has said anything: what is known of minions is old.
	later := metrics.Read(t.Context(), cfg, now.Add(time.Minute))
	if later.Up {
		t.Error("a subscriber that is silent for a minute is up")
	}
	wantLines(t, text(t, later), `gorun_subscriber_up 0`, `gorun_events_total 42`, `gorun_minions{state="unknown"} 3`, `gorun_minions{state="up"} 0`)
}

// What is not there, or may not be read, is left out and said; the rest is there.
func TestSampleMissing(t *testing.T) {
	cfg := metrics.Config{Store: filepath.Join(t.TempDir(), jobcache.File), Keys: accepted("m1")}
	s := metrics.Read(t.Context(), cfg, time.Now())
	if s.Up || len(s.Missing) != 1 || !errors.Is(s.Missing[0], jobcache.ErrNoStore) {
		t.Errorf("without a store: %v, %v", s.Up, s.Missing)
	}
	wantLines(t, text(t, s), `gorun_subscriber_up 0`, `gorun_collected{part="store"} 0`, `gorun_minions{state="unknown"} 1`)

	if err := os.WriteFile(cfg.Store, []byte("something else, and not a database of anybody"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := text(t, metrics.Read(t.Context(), cfg, time.Now())); strings.Contains(got, "gorun_subscriber_up") {
		t.Errorf("whether a subscriber is up is not known:\n%s", got)
	}

	cfg = metrics.Config{Store: made(t, full(time.Now())), Keys: func(state string) ([]string, error) {
		if state == "denied" {
			return nil, fs.ErrPermission
		}
		return []string{"m1"}, nil
	}}
	s = metrics.Read(t.Context(), cfg, time.Now())
	if len(s.Missing) != 1 || !errors.Is(s.Missing[0], fs.ErrPermission) {
		t.Errorf("missing: %v", s.Missing)
	}
	got := text(t, s)
	wantLines(t, got, `gorun_keys{state="pending"} 1`, `gorun_minions{state="up"} 1`, `gorun_collected{part="keys"} 0`)
	if strings.Contains(got, `state="denied"`) {
		t.Error("a number of keys that could not be read")
	}
}

// The file takes the place of an older one as a whole, for all to read whatever the umask.
func TestWriteFile(t *testing.T) {
	old := syscall.Umask(0o077)
	defer syscall.Umask(old)
	s := metrics.Read(t.Context(), metrics.Config{Store: made(t, full(time.Now())), Keys: accepted()}, time.Now())
	dir := t.TempDir()
	path := filepath.Join(dir, "gorun.prom")
	for range 2 {
		if err := s.WriteFile(path); err != nil {
			t.Fatal(err)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o644 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	data, err := os.ReadFile(path)
	if err != nil || string(data) != text(t, s) {
		t.Errorf("%v: the file differs from what is printed", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v, %v: something was left beside it", files, err)
	}
	if err := s.WriteFile(filepath.Join(dir, "none", "gorun.prom")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a folder that is not there: %v", err)
	}
}

// logged is a log that can be read while it is written.
type logged struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logged) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

// freeAddress is one at which nobody listens.
func freeAddress(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// scrape asks an address for its metrics.
func scrape(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", res.Status, body)
	}
	return string(body), err
}

func parse(t testing.TB, text string) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	all, err := parser.TextToMetricFamilies(strings.NewReader(text))
	if err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return all
}

// A server listens where it is told to, moves, says when that is for all the world or cannot
// be had, and ends though somebody hangs on to it.
func TestServer(t *testing.T) {
	var log logged
	s := metrics.NewServer(slog.New(slog.NewTextHandler(&log, nil)))
	defer s.Close()
	cfg := metrics.Config{Store: made(t, full(time.Now())), Keys: accepted("m1")}
	first, second := freeAddress(t, "127.0.0.1"), freeAddress(t, "127.0.0.1")
	s.Use("", "gorun: metrics", cfg)
	s.Use(first, "gorun: metrics", cfg)
	got, err := scrape(t.Context(), first)
	if err != nil || parse(t, got)["gorun_events_total"].GetMetric()[0].GetCounter().GetValue() != 42 {
		t.Fatalf("%v:\n%s", err, got)
	}
	if log.has("other machines") {
		t.Error("the loopback interface is not for other machines")
	}
	s.Use(second, "gorun: metrics", cfg)
	if _, err := scrape(t.Context(), first); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the address that was left: %v", err)
	}
	if _, err := scrape(t.Context(), second); err != nil {
		t.Error(err)
	}
	hanging, err := net.Dial("tcp", second)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = hanging.Close() }()
	if _, err := hanging.Write([]byte("GET /metrics HTTP/1.1\r\nHost: x\r\n")); err != nil { // and no more
		t.Fatal(err)
	}
	s.Use("", "gorun: metrics", cfg)
	if _, err := scrape(t.Context(), second); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("the address that was left: %v", err)
	}

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.Use(taken.Addr().String(), "gorun: metrics", cfg)
	if !log.has(`level=ERROR msg="metrics are not served; all else goes on" setting="gorun: metrics"`) {
		t.Errorf("the setting is not named:\n%s", log.b.String())
	}
	if err := taken.Close(); err != nil {
		t.Fatal(err)
	}
	s.Use(taken.Addr().String(), "gorun: metrics", cfg) // is tried again
	if _, err := scrape(t.Context(), taken.Addr().String()); err != nil {
		t.Error(err)
	}
	everywhere := freeAddress(t, "0.0.0.0")
	s.Use(everywhere, "--metrics", cfg)
	if !log.has("level=WARN") || !log.has("other machines") {
		t.Errorf("that all may ask is not said:\n%s", log.b.String())
	}
}

// Those who connect and say nothing take no more than their share of files: others wait until
// one of them is gone.
func TestServerConnections(t *testing.T) {
	s := metrics.NewServer(slog.New(slog.DiscardHandler))
	defer s.Close()
	address := freeAddress(t, "127.0.0.1")
	s.Use(address, "gorun: metrics", metrics.Config{Store: made(t, full(time.Now())), Keys: accepted()})
	silent := make([]net.Conn, 16)
	for i := range silent {
		var err error
		if silent[i], err = net.Dial("tcp", address); err != nil {
			t.Fatal(err)
		}
	}
	soon, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	if _, err := scrape(soon, address); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("beside all that there may be: %v", err)
	}
	for _, conn := range silent {
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := scrape(t.Context(), address); err != nil {
		t.Error(err)
	}
}

// More scrapes at once than there may be are turned away; what is missing is said once.
func TestServerBounds(t *testing.T) {
	var log logged
	s := metrics.NewServer(slog.New(slog.NewTextHandler(&log, nil)))
	defer s.Close()
	inside, goOn := make(chan bool), make(chan bool)
	address := freeAddress(t, "127.0.0.1")
	s.Use(address, "gorun: metrics", metrics.Config{
		Store: made(t, full(time.Now())),
		Keys: func(state string) ([]string, error) {
			if state == "accepted" {
				inside <- true
				<-goOn
			}
			return nil, fs.ErrPermission
		},
	})
	ended := make(chan error)
	for range 2 {
		go func() {
			_, err := scrape(t.Context(), address)
			ended <- err
		}()
		<-inside
	}
	if _, err := scrape(t.Context(), address); err == nil || !strings.HasPrefix(err.Error(), "503") {
		t.Errorf("a third scrape: %v", err)
	}
	close(goOn)
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.b.String(), "metrics of the keys are left out"); n != 1 {
		t.Errorf("said %d times what is missing", n)
	}
}
