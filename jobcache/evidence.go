package jobcache

// evidence is a Minion as its row has it: times in microseconds since 1970, 0 for none.
type evidence struct {
	aliveAt               int64
	aliveBy               string
	askedFirst, askedLast int64
	askedJID              string
	listed                Listing
	listedAt              int64
}

// alive takes a sign of life at the given time.
func (e *evidence) alive(at int64, by string) {
	if at > e.aliveAt {
		e.aliveAt, e.aliveBy = at, by
	}
	switch {
	case e.aliveAt >= e.askedLast:
		e.askedFirst, e.askedLast, e.askedJID = 0, 0, ""
	case e.aliveAt >= e.askedFirst:
		e.askedFirst = e.askedLast
	}
}

// asked takes a find_job that went to the minion because it had not returned.
func (e *evidence) asked(at int64, jid string) {
	if at <= e.aliveAt {
		return
	}
	if e.askedFirst == 0 || at < e.askedFirst {
		e.askedFirst = at
	}
	if at > e.askedLast {
		e.askedLast, e.askedJID = at, jid
	}
}

// listing takes what a presence event says.
func (e *evidence) listing(l Listing, at int64) {
	if at < e.listedAt || l == e.listed {
		return
	}
	e.listed, e.listedAt = l, at
}

func (e *evidence) minion(id string) Minion {
	return Minion{
		ID: id, AliveAt: micros(e.aliveAt), AliveBy: e.aliveBy,
		AskedFirst: micros(e.askedFirst), AskedLast: micros(e.askedLast), AskedJID: e.askedJID,
		Listed: e.listed, ListedAt: micros(e.listedAt),
	}
}

func (tx *Tx) evidence(id string) *evidence {
	e := tx.w.minions[id]
	if e == nil {
		e = new(evidence)
		tx.w.minions[id] = e
	}
	tx.w.dirty[id] = struct{}{}
	return e
}

// Alive notes a sign of life: stamp is its time in microseconds since 1970, by the event's tag.
func (tx *Tx) Alive(id string, stamp int64, by string) {
	tx.evidence(id).alive(stamp, by)
}

// Asked notes that a find_job of the given jid went to the minion: somebody waits for it.
func (tx *Tx) Asked(id string, stamp int64, jid string) {
	tx.evidence(id).asked(stamp, jid)
}

// Lost notes that presence events miss a minion that they had named.
func (tx *Tx) Lost(id string, stamp int64) {
	tx.evidence(id).listing(Lost, stamp)
}

// Present notes a presence list, whole: those it names are present, those that an earlier
// one named and this one does not are lost.
func (tx *Tx) Present(ids []string, stamp int64) error {
	at, err := metaInt(tx.w.conn, "presence_at")
	if err != nil || stamp < at {
		return err
	}
	named := make(map[string]struct{}, len(ids))
	for _, id := range ids {
		named[id] = struct{}{}
		if e := tx.w.minions[id]; e == nil || e.listed != Present {
			tx.evidence(id).listing(Present, stamp)
		}
	}
	for id, e := range tx.w.minions {
		if _, ok := named[id]; !ok && e.listed == Present {
			tx.evidence(id).listing(Lost, stamp)
		}
	}
	return tx.setMeta("presence_at", stamp)
}

// flushEvidence writes what was learned of minions.
func (tx *Tx) flushEvidence() error {
	w := tx.w
	for id := range w.dirty {
		e := w.minions[id]
		err := tx.run(`INSERT OR REPLACE INTO minions
			(id, alive_at, alive_by, asked_first, asked_last, asked_jid, listed, listed_at)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			id, e.aliveAt, e.aliveBy, e.askedFirst, e.askedLast, e.askedJID, int64(e.listed), e.listedAt)
		if err != nil {
			return err
		}
	}
	clear(w.dirty)
	return nil
}
