package jobcache_test

import (
	"path/filepath"
	"strings"
	"testing"

	"gorun/jobcache"
)

func TestValidJID(t *testing.T) {
	for jid, want := range map[string]bool{
		"20261122073829407758": true, "20261122073829407758_1": true, "20261122073829407758_4194304": true,
		"": false, "req": false, "2026112207382940775": false, "202611220738294077580": false,
		"20261122073829407758_": false, "20261122073829407758_1_2": false, "20261122073829407758_../..": false,
		"../../../../../etc/x": false, "2026112207382940775/": false, "20261122073829407758\n": false,
		"\x1b0261122073829407758": false, "２０２６１１２２": false, "20261122073829407758_" + strings.Repeat("1", 100): false,
	} {
		if got := jobcache.ValidJID(jid); got != want {
			t.Errorf("%q: %v", jid, got)
		}
	}
}

func FuzzValid(f *testing.F) {
	f.Add("20261122073829407758")
	f.Add("web-1.example.com")
	f.Add("..")
	f.Fuzz(func(t *testing.T, name string) {
		if !jobcache.ValidJID(name) && !jobcache.ValidMinion(name) {
			return
		}
		if path := filepath.Join("/dir", name); filepath.Dir(path) != "/dir" || strings.Contains(name, "\x00") {
			t.Errorf("%q leaves its directory: %s", name, path)
		}
	})
}

func TestValidMinion(t *testing.T) {
	for id, want := range map[string]bool{
		"web-1.example.com": true, "網路": true, "a b": true, "-rf": true, "...": true, strings.Repeat("x", 255): true,
		"": false, ".": false, "..": false, "a/b": false, `a\b`: false, "a\x00": false, "/etc": false, strings.Repeat("x", 256): false,
	} {
		if got := jobcache.ValidMinion(id); got != want {
			t.Errorf("%q: %v", id, got)
		}
	}
}
