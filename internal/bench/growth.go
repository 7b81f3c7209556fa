package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"

	"gorun/value"
)

// growth is how the costs of some questions grow with one size.
type growth struct {
	Title string // of the table
	Unit  string // what Size counts
	Steps []growthStep
}

// growthStep is one size: what was asked, in the order of all steps.
type growthStep struct {
	Size    int
	Stored  int64 // bytes of the store
	Answers []answerTime
}

// scale is a growth to be measured: the events of each size and the questions to the store
// that they leave.
type scale struct {
	title, unit string
	sizes       []int
	frames      func(size int) [][]byte
	ask         func(size int) [][]string
}

// scales go up to that many jobs.
func scales(most int) []scale {
	var jobs []int
	for n := 1000; n <= most; n *= 10 {
		jobs = append(jobs, n)
	}
	one := func(int) [][]string {
		return [][]string{{"jobs.lookup_jid", jidOf(2)}, {"jobs.list_job", jidOf(2)}}
	}
	return []scale{
		{"Jobs in the store, one minion each", "jobs", jobs, func(n int) [][]byte {
			return append(announcements(n, 1), newJob(n/2, names(1)).returned(0)) // what lookup_jid asks for
		},
			func(n int) [][]string {
				return [][]string{
					{"jobs.list_jobs"}, {"jobs.list_jobs", "search_function=no.such"}, {"jobs.list_jobs_filter", "20"},
					{"jobs.last_run", "function=cmd.run"}, {"jobs.lookup_jid", jidOf(n / 2)},
				}
			}},
		{"Minions that returned to one job, six states each", "minions", []int{1, 100, 1000, 20_000}, func(n int) [][]byte {
			return newJob(2, names(n)).events()
		}, one},
		{"Bytes of one return", "bytes", []int{1 << 10, 1 << 15, 1 << 20}, func(n int) [][]byte {
			j := newJob(2, names(1))
			const state = 380 // bytes, about
			j.returns[0].Set("return", manyStates(2, max(1, n/state)))
			return j.events()
		}, one},
	}
}

// names are the ids of that many minions.
func names(n int) value.List {
	ids := make(value.List, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("web-%05d", i)
	}
	return ids
}

// measure fills a store of each size and asks it.
func (s scale) measure(ctx context.Context, gorun, dir string) (growth, error) {
	g := growth{Title: s.title, Unit: s.unit}
	for _, size := range s.sizes {
		slog.Info("growth", s.unit, size)
		f := flood{name: fmt.Sprint(size), frames: func() [][]byte { return s.frames(size) }, ask: s.ask(size)}
		r, err := f.measure(ctx, gorun, filepath.Join(dir, fmt.Sprint(size)), false)
		if err != nil {
			return g, fmt.Errorf("%d %s: %w", size, s.unit, err)
		}
		g.Steps = append(g.Steps, growthStep{size, int64(r.BytesPerEvent * float64(r.Events)), r.Answers})
	}
	return g, nil
}

// Questions are those of all steps, without the jids that differ.
func (g growth) Questions() []string {
	var all []string
	for _, a := range g.Steps[0].Answers {
		words := strings.Fields(a.Question)
		if words[0] == "jobs.lookup_jid" || words[0] == "jobs.list_job" {
			words = words[:1]
		}
		all = append(all, strings.Join(words, " "))
	}
	return all
}

// Lines are the walls of each question over the sizes, for a chart.
func (g growth) Lines() []line {
	var all []line
	for i, question := range g.Questions() {
		l := line{name: question}
		for _, step := range g.Steps {
			l.points = append(l.points, point{float64(step.Size), float64(step.Answers[i].Wall) / 1e6})
		}
		all = append(all, l)
	}
	return all
}
