package subscriber

import (
	"bytes"
	"errors"
	"strings"
	"time"

	"gorun/event"
	"gorun/jobcache"
	"gorun/value"
)

// Reasons for which an event is counted and passed over.
var (
	errJID    = errors.New("event without a sound jid")
	errMinion = errors.New("event without a sound minion id")
	errFields = errors.New("event lacks a field")
)

// store takes what events tell; jobcache.Tx documents the methods.
type store interface {
	Adds(jobcache.Job) bool
	PutJob(jobcache.Job) error
	PutReturn(jid string, r jobcache.Return) error
	PutFailure(jid string, f jobcache.Failure) error
	Alive(id string, stamp int64, by string)
	Asked(id string, stamp int64, jid string)
	Lost(id string, stamp int64)
	Present(ids []string, stamp int64) error
}

// applier turns events into what the cache keeps.
type applier struct {
	masterID string
	// runners is set where Salt keeps the jobs of runners (runner_returns, since 2016.3).
	runners bool
	now     func() time.Time

	// maxReturn (bytes) and maxMinions bound what is stored of one event; 0 is without bound.
	maxReturn  int64
	maxMinions int
	// bounds names those that the event at hand has met: max_return_size, max_minions.
	bounds []string
	// cut is set when a return has come that is not whole.
	cut bool
	// stamp is when the event at hand was sent, in microseconds since 1970, 0 where nothing of
	// it was looked at, or it does not say.
	stamp int64

	fields fields // of the event at hand; its memory serves the next one as well
	packed []byte // the load at hand, likewise
}

// apply puts one message into tx. The errors of a message itself (it is to be counted and
// passed over) are those of event and value and the three above; others are the store's.
func (a *applier) apply(tx store, msg []byte) error {
	a.bounds, a.stamp = a.bounds[:0], 0
	ev, err := event.Decode(msg)
	if err != nil {
		return err
	}
	tag := event.ParseTag(ev.Tag)
	switch tag.Kind {
	case event.JobNew:
		return a.jobNew(tx, tag, ev)
	case event.JobPublish:
		return a.jobPublish(tx, tag, ev)
	case event.JobRet, event.BareJID:
		return a.jobReturn(tx, tag, ev)
	case event.JobFailed:
		return a.jobFailed(tx, tag, ev)
	case event.RunNew, event.RunRet:
		return a.runner(tx, tag, ev)
	case event.MinionStart, event.Auth:
		return a.alive(tx, tag, ev)
	case event.PresenceChange, event.PresencePresent:
		return a.presence(tx, tag, ev)
	}
	return nil
}

func (a *applier) jobNew(tx store, tag event.Tag, ev event.Event) error {
	f, err := a.scan(ev.Data)
	if err != nil {
		return err
	}
	jid, err := jid(tag, f)
	if err != nil {
		return err
	}
	if f.fun == nil {
		return errFields
	}
	ids := minionIDs(f.minions)
	if a.maxMinions > 0 && len(ids) > a.maxMinions {
		a.bounds = append(a.bounds, "max_minions")
		ids = ids[:a.maxMinions]
	}
	at, fun := a.micros(f), function(f.fun)
	if len(tag.Syndics) > 0 { // a master below says whom it asked: for a job of ours, or for one of its own
		return tx.PutJob(jobcache.Job{JID: jid, Fun: fun, Stamp: at, Load: a.without("minions"), Minions: ids})
	}
	if fun == "saltutil.find_job" {
		for _, id := range ids {
			tx.Asked(id, at, jid)
		}
	}
	return tx.PutJob(jobcache.Job{
		JID: jid, Fun: fun, Source: jobcache.FromNew, Stamp: at,
		Load: a.without("minions"), Metadata: f.metadata, Minions: ids,
	})
}

// jobPublish reads what goes to the minions: only there, since 3008, stands the metadata.
func (a *applier) jobPublish(tx store, tag event.Tag, ev event.Event) error {
	f, err := a.scan(ev.Data)
	if err != nil || f.metadata == nil {
		return err
	}
	jid, err := jid(tag, f)
	if err != nil {
		return err
	}
	return tx.PutJob(jobcache.Job{JID: jid, Stamp: a.micros(f), Metadata: f.metadata})
}

func (a *applier) jobReturn(tx store, tag event.Tag, ev event.Event) error {
	f, err := a.scan(ev.Data)
	if err != nil {
		return err
	}
	if f.ret == nil {
		if tag.Kind == event.BareJID { // tells the minions once more
			return nil
		}
		return errFields
	}
	jid, err := jid(tag, f)
	if err != nil {
		return err
	}
	id := tag.Minion
	if id == "" {
		id, _ = f.id.Text()
	}
	if !jobcache.ValidMinion(id) {
		return errMinion
	}
	at := a.micros(f)
	tx.Alive(id, at, ev.Tag)
	if err = a.fromReturn(tx, jid, id, at, f); err != nil { // first: the job's function counts the return
		return err
	}
	return tx.PutReturn(jid, a.returned(id, at, ev))
}

// jobFailed keeps when the master told of a failed state.
func (a *applier) jobFailed(tx store, tag event.Tag, ev event.Event) error {
	f, err := a.scan(ev.Data)
	if err != nil {
		return err
	}
	jid, err := jid(tag, f)
	if err != nil {
		return err
	}
	if !jobcache.ValidMinion(tag.Minion) {
		return errMinion
	}
	run, err := f.run.Decode()
	if err != nil {
		return errFields
	}
	n, ok := run.(int64)
	stamp, stamped := f.stamp.Text()
	if !ok || !stamped {
		return errFields
	}
	return tx.PutFailure(jid, jobcache.Failure{Minion: tag.Minion, Run: n, Stamp: stamp})
}

// fromReturn makes a job of a return, for the case that nothing else announces it, as
// salt.utils.job.store_job does. Salt matches its target against the accepted keys: a
// minion's own id, which is all that salt-call sends, matches itself.
func (a *applier) fromReturn(tx store, jid, id string, at int64, f *fields) error {
	job := jobcache.Job{JID: jid, Source: jobcache.FromReturn, Stamp: at, Metadata: f.metadata}
	if tgt, ok := f.tgt.TextBytes(); ok && string(tgt) == id {
		job.Minions = []string{id}
	}
	if !tx.Adds(job) { // most jobs are announced: spare the packing
		return nil
	}
	job.Fun, job.Load = function(f.fun), a.without("return")
	return tx.PutJob(job)
}

// runner keeps a runner's job as salt.utils.job.store_job does when it ends: target and
// returner are the master itself, the return is the whole event, though with the _stamp
// of its announcement (Salt fires both events with one dict).
func (a *applier) runner(tx store, tag event.Tag, ev event.Event) error {
	if !a.runners || len(tag.Syndics) > 0 {
		return nil
	}
	f, err := a.scan(ev.Data)
	if err != nil {
		return err
	}
	jid, err := jid(tag, f)
	if err != nil {
		return err
	}
	if tag.Kind == event.RunNew {
		stamp, _ := f.stamp.Text()
		return tx.PutJob(jobcache.Job{JID: jid, Stamp: a.micros(f), Announced: stamp})
	}
	if f.fun == nil || f.ret == nil {
		return errFields
	}
	if !strings.HasPrefix(function(f.fun), "runner.") { // one that could not be run: not kept
		return nil
	}
	at := a.micros(f)
	load := value.AppendMap(nil, 4)
	load = append(value.AppendText(load, "fun"), f.fun...)
	load = value.AppendText(value.AppendText(load, "tgt"), a.masterID)
	load = value.AppendText(value.AppendText(load, "id"), a.masterID)
	user := f.user
	if user == nil {
		user = value.AppendText(nil, "UNKNOWN")
	}
	load = append(value.AppendText(load, "user"), user...)
	if err := tx.PutJob(jobcache.Job{
		JID: jid, Fun: function(f.fun), Source: jobcache.FromRunner, Stamp: at, Load: load,
	}); err != nil {
		return err
	}
	return tx.PutReturn(jid, a.returned(a.masterID, at, ev))
}

// returned is the return that an event carries.
func (a *applier) returned(id string, at int64, ev event.Event) jobcache.Return {
	data := ev.Data
	cut := bytes.Contains(data, []byte("VALUE_TRIMMED"))
	if a.maxReturn > 0 && int64(len(data)) > a.maxReturn {
		a.bounds = append(a.bounds, "max_return_size")
		data, cut = a.trimmed(), true
	}
	a.cut = a.cut || cut
	outcome, err := jobcache.Judge(a.fields.retcode, a.fields.success, a.fields.ret)
	if err != nil { // what cannot be read is no success
		outcome = jobcache.Bad
	}
	return jobcache.Return{Minion: id, Stamp: at, Event: data, Trimmed: cut, Outcome: outcome}
}

// trimmed packs the event again with the mark of a master's own cut in the place of its
// return. It is valid until the next call of without.
func (a *applier) trimmed() value.Raw {
	for i, f := range a.fields.all {
		if name, _ := f.key.TextBytes(); string(name) == "return" {
			a.fields.all[i].val = value.AppendText(nil, "VALUE_TRIMMED")
		}
	}
	return a.without("")
}

// alive takes the events by which a minion itself shows that it is there.
func (a *applier) alive(tx store, tag event.Tag, ev event.Event) error {
	f, err := a.scan(ev.Data)
	if err != nil {
		return err
	}
	id := tag.Minion
	if id == "" {
		id, _ = f.id.Text()
	}
	if !jobcache.ValidMinion(id) {
		return errMinion
	}
	if tag.Kind == event.Auth && !accepted(f) {
		return nil
	}
	tx.Alive(id, a.micros(f), ev.Tag)
	return nil
}

func accepted(f *fields) bool {
	act, _ := f.act.TextBytes()
	if string(act) != "accept" || len(f.result) == 0 {
		return false
	}
	v, err := f.result.Decode()
	return err == nil && v == true
}

func (a *applier) presence(tx store, tag event.Tag, ev event.Event) error {
	if len(tag.Syndics) > 0 { // of the minions of another master
		return nil
	}
	f, err := a.scan(ev.Data)
	if err != nil {
		return err
	}
	at := a.micros(f)
	if tag.Kind == event.PresencePresent {
		if f.present == nil {
			return errFields
		}
		return tx.Present(minionIDs(f.present), at)
	}
	for _, id := range minionIDs(f.lost) {
		tx.Lost(id, at)
	}
	return nil
}
