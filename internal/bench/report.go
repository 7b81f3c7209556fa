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
	Comparisons  []comparison
	SaltCache    usage
	GorunCache   usage
	Floods       []floodResult
	Latency      latency
	GoBenchmarks []goBenchmark
}

//go:embed benchmarks.md.tmpl
var pageText string

var page = template.Must(template.New("benchmarks").Funcs(template.FuncMap{
	"ms":        func(d time.Duration) string { return significant(float64(d)/1e6) + " ms" },
	"us":        func(d time.Duration) string { return significant(float64(d)/1e3) + " µs" },
	"ns":        func(ns float64) string { return significant(ns/1e3) + " µs" },
	"mb":        func(v any) string { return significant(number(v)/1e6) + " MB" },
	"n":         func(v any) string { return grouped(fmt.Sprintf("%.0f", number(v))) },
	"askRounds": func() int { return askRounds },
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

// goal is what a figure should be.
type goal struct {
	What, Want, Is string
	Met            bool
}

// Goals are those that were set before anything was measured.
func (r *report) Goals() []goal {
	up, listing := r.Comparisons[0].Gorun.Wall, r.Floods[0].Answers[0].Wall
	small := r.Floods[1].PerSecond
	return []goal{
		{"`manage.up`, whole process", "below 10 ms", significant(float64(up)/1e6) + " ms", up < 10*time.Millisecond},
		{"`jobs.list_jobs` of " + grouped(fmt.Sprint(r.Floods[0].Events)) + " jobs, whole process", "0.2 s", significant(listing.Seconds()) + " s", listing <= 200*time.Millisecond},
		{"small returns stored", "100,000 a second", grouped(fmt.Sprintf("%.0f", small)) + " a second", small >= 100_000},
	}
}
