package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// scrapes is what a scrape takes while a flood of a steady pace is stored.
type scrapes struct {
	Events, PerSecond int // asked for, and of which the bus has kept the pace
	Scrapes, Minions  int
	Bytes             int // of the last one
	Median, Slowest   time.Duration
}

const (
	scrapePace     = 20_000 // events a second
	scrapeEvery    = 100 * time.Millisecond
	scrapedMinions = 1000 // accepted keys
)

// measureScrapes plays n mixed events at scrapePace, scrapes meanwhile, and at the end holds
// the last scrape against the store, to the event.
func measureScrapes(ctx context.Context, gorun, dir string, n int) (r scrapes, err error) {
	s, err := newSite(dir)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, s.listener.Close()) }()
	address, err := s.serveMetrics(dir)
	if err != nil {
		return r, err
	}
	sub, conn, err := s.subscribe(ctx, gorun)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, sub.stop(), conn.Close()) }()
	frames := mixed(n)
	start := time.Now()
	played := make(chan error, 1)
	go func() { played <- pace(ctx, conn, frames, scrapePace) }()
	var all []time.Duration
	for tick := time.NewTicker(scrapeEvery); played != nil; {
		select {
		case err := <-played:
			if err != nil {
				return r, err
			}
			tick.Stop()
			played = nil
		case <-tick.C:
			before := time.Now()
			if _, err := scrape(ctx, address); err != nil {
				return r, err
			}
			all = append(all, time.Since(before))
		}
	}
	r.PerSecond = int(float64(n) / time.Since(start).Seconds())
	if len(all) == 0 {
		return r, errors.New("the flood was over before the first scrape")
	}
	if err := sub.until(ctx, n); err != nil {
		return r, err
	}
	last, err := scrape(ctx, address)
	if err != nil {
		return r, err
	}
	slices.Sort(all)
	r.Events, r.Scrapes, r.Minions, r.Bytes = n, len(all), scrapedMinions, len(last)
	r.Median, r.Slowest = all[len(all)/2], all[len(all)-1]
	return r, sub.agrees(ctx, last)
}

// serveMetrics lets the subscriber of a site serve them, for a thousand minions, and returns
// where.
func (s *site) serveMetrics(dir string) (address string, err error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	address = free.Addr().String()
	keys := filepath.Join(dir, "etc/salt/pki/master/minions")
	if err := errors.Join(free.Close(), os.MkdirAll(keys, 0o755)); err != nil {
		return "", err
	}
	for _, id := range names(scrapedMinions) {
		if err := os.WriteFile(filepath.Join(keys, fmt.Sprint(id)), nil, 0o644); err != nil {
			return "", err
		}
	}
	text := "pki_dir: " + filepath.Dir(keys) + "\ngorun: {metrics: '" + address + "'}\n"
	drop := filepath.Join(s.config, "master.d")
	return address, errors.Join(os.MkdirAll(drop, 0o755), os.WriteFile(filepath.Join(drop, "metrics.conf"), []byte(text), 0o644))
}

// mixed are n events of jobs of all kinds, to 99 minions each.
func mixed(n int) [][]byte {
	minions := names(99)
	var frames [][]byte
	for i := 0; len(frames) < n; i++ {
		frames = append(frames, newJob(i, minions).events()...)
	}
	return frames[:n]
}

// pace sends frames at so many a second.
func pace(ctx context.Context, conn io.Writer, frames [][]byte, perSecond int) error {
	start := time.Now()
	for sent := 0; sent < len(frames); {
		due := min(len(frames), int(time.Since(start).Seconds()*float64(perSecond)))
		for ; sent < due; sent++ {
			if _, err := conn.Write(frames[sent]); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Millisecond):
		}
	}
	return nil
}

func scrape(ctx context.Context, address string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/metrics", nil)
	if err != nil {
		return "", err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	body, err := io.ReadAll(res.Body)
	err = errors.Join(err, res.Body.Close())
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("scrape: %s: %s", res.Status, body)
	}
	return string(body), err
}

// agrees compares a scrape with what the store holds.
func (s *subscription) agrees(ctx context.Context, scraped string) error {
	jobs, returns, err := s.reader.Count(ctx)
	if err != nil {
		return err
	}
	events, err := s.stored(ctx)
	if err != nil {
		return err
	}
	for name, want := range map[string]int64{
		"gorun_events_total": int64(events), "gorun_jobs_total": jobs, "gorun_returns_total": returns,
	} {
		if got := total(scraped, name); got != float64(want) {
			return fmt.Errorf("%s is %v, the store has %d", name, got, want)
		}
	}
	return nil
}

// total sums a metric over its labels.
func total(scraped, name string) (sum float64) {
	series := regexp.MustCompile("^" + name + `(?:\{[^}]*\})? (\S+)$`)
	for line := range strings.Lines(scraped) {
		if m := series.FindStringSubmatch(strings.TrimSpace(line)); m != nil {
			n, err := strconv.ParseFloat(m[1], 64)
			if err != nil {
				return -1
			}
			sum += n
		}
	}
	return sum
}
