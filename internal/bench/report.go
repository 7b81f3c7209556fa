package main

import (
	_ "embed"
	"fmt"
	"io"
	"strings"
	"text/template"
	"time"
)

// report is all that was measured, as benchmarks.md.tmpl shows it.
type report struct {
	Version      string // of Salt
	Gorun        string // its --version
	Jobs, Rounds int
	Machine      machine
	Date         time.Time
	LoadAfter    string
	Took         time.Duration
	Comparisons  []comparison
	SaltCache    usage
	GorunCache   usage
	Floods       []floodResult
	Latency      latency
	Scrapes      scrapes
	Growths      []growth
	Beside       besides
	Idle         idle
	Nothing      time.Duration // of a process that does nothing
	GoBenchmarks []goBenchmark
}

//go:embed benchmarks.md.tmpl
var pageText string

var page = template.Must(template.New("benchmarks").Funcs(template.FuncMap{
	"ms":          func(d time.Duration) string { return significant(float64(d)/1e6) + " ms" },
	"us":          func(d time.Duration) string { return significant(float64(d)/1e3) + " µs" },
	"ns":          func(ns float64) string { return significant(ns/1e3) + " µs" },
	"mb":          func(v any) string { return significant(number(v)/1e6) + " MB" },
	"n":           func(v any) string { return grouped(fmt.Sprintf("%.0f", number(v))) },
	"askRounds":   func() int { return askRounds },
	"chart":       chartName,
	"significant": significant,
	"minutes":     func(d time.Duration) string { return significant(d.Minutes()) + " minutes" },
	"million":     func(each time.Duration) string { return significant(each.Seconds()*1e6) + " s" },
}).Parse(pageText))

func (r *report) print(w io.Writer) error { return page.Execute(w, r) }

func number(v any) float64 {
	switch v := v.(type) {
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case float64:
		return v
	}
	panic(fmt.Sprintf("number %T", v)) // the template is a constant
}

// significant shows about three digits of f: 0.123, 1.23, 12.3, 123, 1,234.
func significant(f float64) string {
	for limit, format := range []string{"%.2f", "%.1f"} {
		if f < []float64{10, 100}[limit] {
			return fmt.Sprintf(format, f)
		}
	}
	return grouped(fmt.Sprintf("%.0f", f))
}

// grouped puts a comma before every three digits.
func grouped(digits string) string {
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(d)
	}
	return b.String()
}

// ScrapePace is how many events a second the scraped flood is to have.
func (r *report) ScrapePace() int { return scrapePace }

// goal is what a figure should be.
type goal struct {
	What, Want, Is string
	Met            bool
}

// shortly writes a duration in the unit that suits it.
func shortly(d time.Duration) string {
	if d < time.Millisecond {
		return significant(float64(d)/1e3) + " µs"
	}
	return significant(float64(d)/1e6) + " ms"
}

// Goals are those that were set before anything was measured.
func (r *report) Goals() []goal {
	jobs := grouped(fmt.Sprint(r.Jobs))
	var all []goal
	within := func(what string, is, want time.Duration) {
		all = append(all, goal{what, shortly(want), shortly(is), is <= want})
	}
	for _, c := range r.Comparisons {
		what := "`" + c.Question() + "`, whole process"
		if !c.live {
			what += ", of " + jobs + " jobs"
		}
		if c.within > 0 {
			within(what, c.Gorun.Wall, c.within)
		}
		if c.times > 0 {
			all = append(all, goal{what, significant(c.times) + " times as fast as salt-run",
				significant(c.Ratio()) + " times", c.Ratio() >= c.times})
		}
	}
	all = append(all, goal{"the cache of " + jobs + " jobs on disk", "400 B a job, 4 files",
		grouped(fmt.Sprint(r.GorunCache.Bytes/int64(max(r.Jobs, 1)))) + " B, " + fmt.Sprint(r.GorunCache.Files-1) + " files",
		r.GorunCache.Bytes <= 400*int64(r.Jobs) && r.GorunCache.Files-1 <= 4})
	for i, want := range []float64{0, 100_000, 40_000} {
		if f := r.Floods[i]; want > 0 {
			all = append(all, goal{f.Name + " stored", grouped(fmt.Sprint(want)) + " a second",
				grouped(fmt.Sprintf("%.0f", f.PerSecond)) + " a second", f.PerSecond >= want})
		}
	}
	within("CPU of a small return", r.Floods[1].CPUPerEvent, 13*1e3)
	within("first event after a connect until a reader sees it", r.Latency.First, 50e6)
	within("slowest scrape of `/metrics` in a flood of "+grouped(fmt.Sprint(scrapePace))+" events a second", r.Scrapes.Slowest, 50e6)
	all = append(all, goal{"memory of an idle subscriber", "25 MB", significant(float64(r.Idle.Memory)/1e6) + " MB", r.Idle.Memory <= 25e6})
	return all
}

// chartName is the file of a growth's chart, beside the page.
func chartName(i int) string {
	return []string{"growth-jobs.svg", "growth-minions.svg", "growth-bytes.svg"}[i]
}
