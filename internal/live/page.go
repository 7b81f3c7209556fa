package live

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"gorun/jobcache"
	"gorun/output"
	"gorun/runners"
	"gorun/value"
)

// openJob returns a job with all its minions: those that failed first, those that were good last.
func (l *looker) openJob(j job) (page *jobPage, err error) {
	err = l.ask(func(store Store, env *runners.Env) error {
		known, err := store.Job(l.ctx, j.jid)
		if err != nil {
			return err
		}
		judged := make(map[string]part)
		if l.page.job.jid == j.jid {
			for _, p := range l.page.minions {
				judged[p.id] = p
			}
		}
		if page, err = l.returned(store, known, judged); err != nil {
			return err
		}
		missing, err := runners.Missing(l.ctx, env, []string{j.jid}, newestFinds)
		if err != nil {
			return err
		}
		page.job = j
		page.job.asked, page.job.returned, page.job.running = len(known.Minions), len(page.minions), atWork(missing[j.jid])
		for _, m := range missing[j.jid] {
			p := part{id: m.ID, state: string(m.State), why: m.Why}
			if m.At > 0 {
				p.at = time.UnixMicro(m.At)
			}
			page.minions = append(page.minions, p)
		}
		slices.SortFunc(page.minions, func(a, b part) int {
			if d := rank(a.state) - rank(b.state); d != 0 {
				return d
			}
			return strings.Compare(a.id, b.id)
		})
		l.page = *page
		return nil
	})
	return page, err
}

// ranks are the states of a part in the order of a page.
var ranks = []string{
	stateFailed, stateUnreadable, string(runners.Down), string(runners.Silent), string(runners.Gone),
	string(runners.Working), string(runners.Waiting), stateLeft, stateOK,
}

func rank(state string) int { return slices.Index(ranks, state) }

// returned lists who has returned; what has been judged is not read again.
func (l *looker) returned(store Store, known *jobcache.Job, judged map[string]part) (*jobPage, error) {
	page := new(jobPage)
	err := store.ReturnStamps(l.ctx, known.JID, func(id string, stamp int64) error {
		p := part{id: id, at: time.UnixMicro(stamp), why: "took " + took(known, stamp)}
		if known.Source != jobcache.FromNew {
			p.why = ""
		}
		if old := judged[id]; old.at.Equal(p.at) {
			p.state = old.state
		}
		page.minions = append(page.minions, p)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range page.minions {
		p := &page.minions[i]
		if p.state == stateOK || p.state == stateFailed {
			continue
		}
		if p.state, err = result(l.ctx, store, known.JID, p.id); err != nil {
			return nil, err
		}
	}
	return page, nil
}

// took is the time from a job's announcement to a return.
func took(job *jobcache.Job, stamp int64) string {
	return time.Duration((stamp - job.Stamp) * 1000).Round(time.Millisecond).String()
}

// openReturn prints what a minion returned as jobs.lookup_jid does.
func (l *looker) openReturn(jid, id string) (page *textPage, err error) {
	err = l.ask(func(store Store, env *runners.Env) error {
		known, err := store.Status(l.ctx, env.Now)
		if err != nil {
			return err
		}
		options := *l.cfg.Output
		env.OldMaster, env.Python2 = known.Era == jobcache.UpTo2015, known.Era != jobcache.Since3000
		options.OldMaster, options.Python2 = env.OldMaster, env.Python2
		env.Cache = one{store, id}
		answer, err := call(l.ctx, env, "jobs.lookup_jid", jid)
		if err != nil {
			return err
		}
		var text bytes.Buffer
		if err := output.Print(&text, l.cfg.Outputter(answer), answer.Value, &options); err != nil {
			return err
		}
		page = &textPage{title: fmt.Sprintf("what %s returned to %s", visible(id), visible(jid)), text: bounded(text.String(), jid)}
		if answer.Failed {
			page.text += "\nthe job has left the cache\n"
		}
		for _, note := range answer.Notes {
			if strings.HasPrefix(note, "the return of ") {
				page.text += "\n" + note + "\n"
			}
		}
		return nil
	})
	return page, err
}

// bounded cuts a text that nobody scrolls through.
func bounded(text, jid string) string {
	if len(text) <= maxText {
		return text
	}
	return fmt.Sprintf("%s\n… %d bytes more: gorun jobs.lookup_jid %s\n", strings.ToValidUTF8(text[:maxText], ""), len(text)-maxText, jid)
}

// openMinion shows the evidence about a minion, as gorun cache minions has it, and its newest
// returns.
func openMinion(m minion, s *snapshot) *textPage {
	about := value.NewMap("state", m.State.String(), "why", m.Why)
	for _, e := range []struct {
		name string
		at   time.Time
	}{{"since", m.Since}, {"alive", m.AliveAt}, {"asked", m.AskedFirst}, {"asked again", m.AskedLast}, {"presence since", m.ListedAt}} {
		if !e.at.IsZero() {
			about.Set(e.name, e.at.Local().Format(time.DateTime))
		}
	}
	if m.AliveBy != "" {
		about.Set("alive by", m.AliveBy)
	}
	var text bytes.Buffer
	_ = output.Print(&text, "", value.NewMap(m.ID, about), output.DefaultOptions()) // a buffer takes all
	text.WriteString("\nnewest returns:\n")
	found := false
	for _, r := range s.returns {
		if r.minion == m.ID {
			found = true
			fmt.Fprintf(&text, "  %s  %-10s %s  %s\n", r.at.Local().Format(time.DateTime), r.state, r.jid, r.fun)
		}
	}
	if !found {
		text.WriteString("  none of it among the newest of all minions\n")
	}
	return &textPage{title: "minion " + visible(m.ID), text: text.String()}
}
