package jobcache_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"gorun/jobcache"
)

// changing is a store that is written while a listing is under way.
type changing struct {
	t    *rapid.T
	w    *jobcache.Writer
	path string
	next int // number of the newest job
}

func newChanging(rt *rapid.T, t *testing.T) *changing {
	c := &changing{t: rt, path: filepath.Join(t.TempDir(), fmt.Sprint(rapid.Uint64().Draw(rt, "store")), "gorun", jobcache.File)}
	w, err := jobcache.OpenWriter(c.path)
	if err != nil {
		rt.Fatal(err)
	}
	c.w = w
	return c
}

func (c *changing) close() {
	if err := c.w.Close(); err != nil {
		c.t.Error(err)
	}
}

func (c *changing) update(f func(*jobcache.Tx) error) {
	if err := c.w.Update(c.t.Context(), f); err != nil {
		c.t.Fatal(err)
	}
}

// add puts jobs behind all others, with room for one between two of them.
func (c *changing) add(n int) (jids []string) {
	c.update(func(tx *jobcache.Tx) (err error) {
		for range n {
			c.next += 2
			jids = append(jids, nthJID(c.next))
			err = errors.Join(err, c.put(tx, nthJID(c.next)))
		}
		return err
	})
	return jids
}

func (c *changing) put(tx *jobcache.Tx, jid string) error {
	return tx.PutJob(jobcache.Job{JID: jid, Fun: "test.ping", Source: jobcache.FromNew, Load: told(jid)})
}

// told is a load that tells whose it is.
func told(jid string) []byte {
	return append([]byte{0x81, 0xa3, 'j', 'i', 'd', 0xa0 | byte(len(jid))}, jid...)
}

// clear says that no reader keeps the log from the file.
func (c *changing) clear() {
	if whole, err := c.w.Checkpoint(); err != nil || !whole {
		c.t.Fatalf("the log is held back, or %v", err)
	}
}

// TestPatientJobs: while jobs come and leave, a listing has those that stay once and in order, and
// at no time holds the log back.
func TestPatientJobs(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newChanging(rt, t)
		defer c.close()
		stay := c.add(rapid.IntRange(0, 250).Draw(rt, "jobs"))
		was := slices.Clone(stay)
		r, err := jobcache.OpenReader(c.path)
		if err != nil {
			rt.Fatal(err)
		}
		s := jobcache.Selection{Newest: rapid.Bool().Draw(rt, "newest")}
		if rapid.Bool().Draw(rt, "by function") {
			s.Fun = func(name string) bool { return name == "test.ping" }
		}
		var got []string
		err = jobcache.Patient{Reader: r}.Jobs(rt.Context(), s, func(job *jobcache.Job) error {
			if !slices.Equal(job.Load, told(job.JID)) {
				rt.Fatalf("%s has the load %x", job.JID, job.Load)
			}
			got = append(got, job.JID)
			if rapid.IntRange(0, 9).Draw(rt, "change") > 0 || c.next > 1000 {
				return nil
			}
			was = append(was, c.add(rapid.IntRange(1, 40).Draw(rt, "come"))...)
			between := nthJID(rapid.IntRange(0, c.next/2).Draw(rt, "between")*2 + 1)
			was = append(was, between)
			c.update(func(tx *jobcache.Tx) error { return c.put(tx, between) })
			if keep := rapid.IntRange(0, c.next).Draw(rt, "keep"); rapid.Bool().Draw(rt, "prune") {
				if _, err := c.w.Prune(rt.Context(), jobcache.Limits{MaxJobs: int64(keep) + 1}, 20); err != nil {
					rt.Fatal(err)
				}
				oldest := ""
				if err := r.Jobs(rt.Context(), jobcache.Selection{}, func(job *jobcache.Job) error {
					oldest = job.JID
					return errStop
				}); !errors.Is(err, errStop) {
					rt.Fatal(err)
				}
				stay = slices.DeleteFunc(stay, func(jid string) bool { return jid < oldest })
			}
			c.clear()
			return nil
		})
		if err := errors.Join(err, r.Close()); err != nil {
			rt.Fatal(err)
		}
		if s.Newest {
			slices.Reverse(got)
		}
		for i, jid := range got {
			if i > 0 && got[i-1] >= jid {
				rt.Fatalf("%s behind %s", jid, got[i-1])
			}
			if !slices.Contains(was, jid) {
				rt.Fatalf("%s was never there", jid)
			}
		}
		for _, jid := range stay {
			if _, ok := slices.BinarySearch(got, jid); !ok {
				rt.Fatalf("%s was there all the time, and is not in the list", jid)
			}
		}
	})
}

var errStop = errors.New("stop")

// TestPatientReturns: the same of the returns to a job.
func TestPatientReturns(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := newChanging(rt, t)
		defer c.close()
		put := func(ids []string) {
			c.update(func(tx *jobcache.Tx) (err error) {
				for _, id := range ids {
					err = errors.Join(err, tx.PutReturn(jid, jobcache.Return{Minion: id, Event: told(id)}))
				}
				return err
			})
		}
		id := rapid.StringMatching(`[a-zA-Zä.-]{0,3}`)
		there := rapid.SliceOfNDistinct(id, 0, 150, rapid.ID).Draw(rt, "minions")
		put(there)
		slices.Sort(there)
		r, err := jobcache.OpenReader(c.path)
		if err != nil {
			rt.Fatal(err)
		}
		var got []string
		err = jobcache.Patient{Reader: r}.Returns(rt.Context(), jid, func(ret *jobcache.Return) error {
			if !slices.Equal(ret.Event, told(ret.Minion)) {
				rt.Fatalf("%s has the return %x", ret.Minion, ret.Event)
			}
			got = append(got, ret.Minion)
			if rapid.IntRange(0, 9).Draw(rt, "change") == 0 {
				put([]string{id.Draw(rt, "comes")})
				c.clear()
			}
			return nil
		})
		if err := errors.Join(err, r.Close()); err != nil {
			rt.Fatal(err)
		}
		for i, id := range got {
			if i > 0 && got[i-1] >= id {
				rt.Fatalf("%q behind %q", id, got[i-1])
			}
		}
		for _, id := range there {
			if _, ok := slices.BinarySearch(got, id); !ok {
				rt.Fatalf("%q is missing", id)
			}
		}
	})
}
