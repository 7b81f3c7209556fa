package event_test

import (
	"reflect"
	"strings"
	"testing"

	"gorun/event"

	"pgregory.net/rapid"
)

func TestParseTag(t *testing.T) {
	for tag, want := range map[string]event.Tag{
		// as 3008.3 fires them
		"salt/job/" + jid + "/new":                     {Kind: event.JobNew, JID: jid},
		"salt/job/" + jid + "/publish":                 {Kind: event.JobPublish, JID: jid},
		"salt/job/" + jid + "/ret/minion-1":            {Kind: event.JobRet, JID: jid, Minion: "minion-1"},
		"salt/job/" + jid + "/start/minion-1":          {Kind: event.JobStart, JID: jid, Minion: "minion-1"},
		"salt/job/" + jid + "/sub/m.1/error/state.sls": {Kind: event.JobFailed, JID: jid, Minion: "m.1"},
		"salt/job/" + jid + "/prog/minion-1/3":         {Kind: event.JobProgress, JID: jid, Minion: "minion-1"},
		"salt/job/" + jid + "/error":                   {Kind: event.JobError, JID: jid},
		"salt/run/" + jid + "/new":                     {Kind: event.RunNew, JID: jid},
		"salt/run/" + jid + "/ret":                     {Kind: event.RunRet, JID: jid},
		"salt/batch/" + jid + "/progress":              {Kind: event.Batch, JID: jid},
		"salt/minion/minion-1/start":                   {Kind: event.MinionStart, Minion: "minion-1"},
		"salt/syndic/syndic-1/start":                   {Kind: event.MinionStart, Minion: "syndic-1"},
		"minion/refresh/minion-1":                      {Kind: event.MinionRefresh, Minion: "minion-1"},
		"minion_ping":                                  {Kind: event.MinionPing},
		"salt/auth":                                    {Kind: event.Auth},
		"salt/key":                                     {Kind: event.Key},
		"salt/presence/present":                        {Kind: event.PresencePresent},
		"salt/presence/change":                         {Kind: event.PresenceChange},
		"syndic/s1/salt/job/" + jid + "/ret/m":         {Kind: event.JobRet, JID: jid, Minion: "m", Syndics: []string{"s1"}},
		"syndic/s1/syndic/s2/" + jid:                   {Kind: event.BareJID, JID: jid, Syndics: []string{"s1", "s2"}},
		"syndic/s1/salt/syndic/s2/start":               {Kind: event.MinionStart, Minion: "s2", Syndics: []string{"s1"}},
		"salt/job/" + jid + "_123/ret/web.example":     {Kind: event.JobRet, JID: jid + "_123", Minion: "web.example"},
		"salt/job/" + jid + "/ret/a b|ü@c":             {Kind: event.JobRet, JID: jid, Minion: "a b|ü@c"},
		"salt/job/" + jid + "/ret/a/b":                 {Kind: event.JobRet, JID: jid, Minion: "a/b"},
		"salt/job/" + jid + "/ret/start":               {Kind: event.JobRet, JID: jid, Minion: "start"},
		"salt/minion/start/start":                      {Kind: event.MinionStart, Minion: "start"},
		"salt/job/mine/new":                            {Kind: event.JobNew, JID: "mine"}, // a jid may be given
		"salt/wheel/" + jid + "/new":                   {},

		// as 2014.7.7 fires them besides
		jid:            {Kind: event.BareJID, JID: jid},
		jid + "_12345": {Kind: event.BareJID, JID: jid + "_12345"},
		"new_job":      {Kind: event.JobNew},
		"minion_start": {Kind: event.MinionStart},
		"syndic_start": {Kind: event.MinionStart},
		"auth":         {Kind: event.Auth},

		// as nobody should
		"":                             {},
		"salt":                         {},
		"salt/":                        {},
		"salt/job":                     {},
		"salt/job/":                    {},
		"salt/job//new":                {},
		"salt/job/" + jid:              {},
		"salt/job/" + jid + "/":        {},
		"salt/job/" + jid + "/new/m":   {},
		"salt/job/" + jid + "/ret":     {},
		"salt/job/" + jid + "/ret/":    {},
		"salt/job/" + jid + "/prog//1": {},
		"salt/run//ret":                {},
		"salt/run/" + jid + "/ret/m":   {},
		"salt/batch/" + jid:            {},
		"salt/batch//new":              {},
		"salt/minion/start":            {},
		"salt/minion//start":           {},
		"minion/refresh/":              {},
		jid + "_":                      {},
		jid + "_x":                     {},
		jid[1:]:                        {},
		"2026112207382940775x":         {},
		"syndic/":                      {},
		"syndic//salt/auth":            {},
		"syndic/s1":                    {},
		"syndic/s1/":                   {Syndics: []string{"s1"}},
		"syndic/s1/other":              {Syndics: []string{"s1"}},
	} {
		if got := event.ParseTag(tag); !reflect.DeepEqual(got, want) {
			t.Errorf("ParseTag(%q) = %+v, want %+v", tag, got, want)
		}
	}
}

// Whoever a return comes from and through, the tag says so.
func TestParseTagProperty(t *testing.T) {
	id := rapid.StringMatching(`[^/\\\x00]{1,30}`)
	rapid.Check(t, func(t *rapid.T) {
		want := event.Tag{Kind: event.JobRet, JID: rapid.StringMatching(`[0-9]{20}(_[0-9]{1,7})?`).Draw(t, "jid"),
			Minion: id.Draw(t, "minion")}
		var prefix strings.Builder
		for range rapid.IntRange(0, 3).Draw(t, "levels") {
			s := id.Draw(t, "syndic")
			want.Syndics = append(want.Syndics, s)
			prefix.WriteString("syndic/" + s + "/")
		}
		tag := prefix.String() + "salt/job/" + want.JID + "/ret/" + want.Minion
		if got := event.ParseTag(tag); !reflect.DeepEqual(got, want) {
			t.Fatalf("ParseTag(%q) = %+v, want %+v", tag, got, want)
		}
	})
}

func TestKindString(t *testing.T) {
	seen := map[string]event.Kind{}
	for k := event.Other; k <= event.PresenceChange; k++ {
		if other, twice := seen[k.String()]; twice || k.String() == "" {
			t.Errorf("kind %d is %q, as is %d", k, k, other)
		}
		seen[k.String()] = k
	}
	if got := event.Kind(-1).String(); got != "other" {
		t.Errorf("kind -1 is %q", got)
	}
}

func FuzzParseTag(f *testing.F) {
	for _, rec := range recordings(f) {
		for _, body := range bodies(f, rec) {
			e, err := event.Decode(body)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(e.Tag)
		}
	}
	f.Add("syndic/a/syndic/b/salt/minion/c/start")
	f.Add("salt/job/" + jid + "_1/prog/m/7")
	f.Fuzz(func(t *testing.T, tag string) {
		got := event.ParseTag(tag)
		for _, part := range append(got.Syndics, got.JID, got.Minion) {
			if !strings.Contains(tag, part) {
				t.Errorf("%q is not in %q", part, tag)
			}
		}
		switch got.Kind {
		case event.JobRet, event.JobStart, event.JobProgress:
			if got.JID == "" || got.Minion == "" {
				t.Errorf("%+v lacks a jid or a minion", got)
			}
		case event.Other:
			if got.JID != "" || got.Minion != "" {
				t.Errorf("%+v", got)
			}
		}
	})
}
