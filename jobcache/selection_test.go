package jobcache_test

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"gorun/jobcache"
	"gorun/value"
)

// TestSelection: both job caches, gorun's own and Salt's, list the jobs that are asked for.
func TestSelection(t *testing.T) {
	var jobs []jobcache.Job
	for i := range 200 {
		jid := fmt.Sprintf("202611%02d073829407758", 1+i/10)
		if i%10 > 0 {
			jid += fmt.Sprintf("_%d", i%10)
		}
		fun := []string{"test.ping", "cmd.run", "state.apply", "", "a.b,c.d"}[i%5]
		if i >= 100 {
			fun = fmt.Sprintf("module.function%02d", i%50)
		}
		load := raw(t, "jid", jid, "fun", fun)
		jobs = append(jobs, jobcache.Job{JID: jid, Fun: fun, Source: jobcache.FromNew, Load: load})
	}
	path, w := newStore(t)
	root := t.TempDir()
	update(t, w, func(tx *jobcache.Tx) error {
		var err error
		for _, job := range jobs {
			err = errors.Join(err, tx.PutJob(job))
		}
		return errors.Join(err, tx.PutReturn("20261101073829407700", jobcache.Return{Minion: "m", Event: raw(t)}))
	})
	for _, job := range jobs {
		saltFile(t, root, job.JID, ".load.p", job.Load)
	}
	salt, err := jobcache.OpenSalt(root, "sha256", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	own := reader(t, path)
	is := func(names ...string) func(string) bool {
		return func(name string) bool { return slices.Contains(names, name) }
	}
	for name, s := range map[string]jobcache.Selection{
		"all":                     {},
		"newest":                  {Newest: true},
		"from":                    {From: "20261105073829407758"},
		"from in between":         {From: "20261105073829407759", Newest: true},
		"to":                      {To: "20261105073829407758"},
		"to in between":           {To: "20261105073829407757"},
		"one day":                 {From: "20261105000000000000", To: "20261105235959999999"},
		"backwards":               {From: "20261106000000000000", To: "20261105000000000000"},
		"one function":            {Fun: is("cmd.run")},
		"two functions":           {Fun: is("test.ping", "a.b,c.d"), From: "20261102000000000000"},
		"unknown":                 {Fun: is(""), Newest: true},
		"after":                   {After: "20261105073829407758"},
		"after a pid":             {After: "20261105073829407758_3", From: "20261104000000000000"},
		"after, newest first":     {After: "20261105073829407758", Newest: true},
		"after one that left":     {After: "20261105073829407759", To: "20261110000000000000"},
		"none":                    {Fun: is("no.such")},
		"functions, newest first": {Fun: is("test.ping", "cmd.run", "module.function07"), Newest: true},
		"many functions": {Fun: func(name string) bool { return strings.HasPrefix(name, "module.") },
			To: "20261115073829407758"},
	} {
		t.Run(name, func(t *testing.T) {
			var want []string
			for _, job := range jobs {
				when := job.JID[:20]
				if s.After != "" && (job.JID == s.After || job.JID > s.After == s.Newest) {
					continue
				}
				if when >= s.From && (s.To == "" || when <= s.To) && (s.Fun == nil || s.Fun(job.Fun)) {
					want = append(want, job.JID)
				}
			}
			slices.Sort(want)
			if s.Newest {
				slices.Reverse(want)
			}
			for kind, list := range map[string]func(f func(*jobcache.Job) error) error{
				"patient": func(f func(*jobcache.Job) error) error {
					return jobcache.Patient{Reader: own}.Jobs(t.Context(), s, f)
				},
				"gorun": func(f func(*jobcache.Job) error) error { return own.Jobs(t.Context(), s, f) },
				"salt":  func(f func(*jobcache.Job) error) error { return salt.Jobs(t.Context(), s, f) },
			} {
				var got []string
				err := list(func(job *jobcache.Job) error {
					got = append(got, job.JID)
					var fun string
					err := value.Fields(job.Load, func(key string, val value.Raw) error {
						if key == "fun" {
							fun, _ = val.Text()
						}
						return nil
					})
					if fun != job.Fun {
						t.Errorf("%s: %s is a %q with the load of a %q", kind, job.JID, job.Fun, fun)
					}
					return err
				})
				if err != nil || !slices.Equal(got, want) {
					t.Errorf("%s: %v\ngot  %v\nwant %v", kind, err, got, want)
				}
			}
		})
	}
}
