package master

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestGorunSettings(t *testing.T) {
	tests := []struct {
		yaml string
		ok   func(Gorun) bool // nil: an error
	}{
		{"{}", func(g Gorun) bool { return g.Settle == 10*time.Second && g.QueueSize == 64<<20 && g.MaxSize == 0 }},
		{"{max_size: 500MB, max_jobs: 100000}", func(g Gorun) bool { return g.MaxSize == 500e6 && g.MaxJobs == 1e5 }},
		{"{queue_size: 8 MiB, max_event_size: 1m, max_return_size: 2GiB}", func(g Gorun) bool {
			return g.QueueSize == 8<<20 && g.MaxEventSize == 1<<20 && g.MaxReturnSize == 2<<30
		}},
		{"{max_minions: 7, settle: 0.5}", func(g Gorun) bool { return g.MaxMinions == 7 && g.Settle == 500*time.Millisecond }},
		{"{metrics: 9757, metrics_minions: true}", func(g Gorun) bool { return g.Metrics == "127.0.0.1:9757" && g.MetricsMinions }},
		{"{metrics: ':9757'}", func(g Gorun) bool { return g.Metrics == "127.0.0.1:9757" }},
		{"{metrics: 0.0.0.0:9757}", func(g Gorun) bool { return g.Metrics == "0.0.0.0:9757" }},
		{"{metrics: '[::1]:9757'}", func(g Gorun) bool { return g.Metrics == "[::1]:9757" }},
		{"{metrics: false}", func(g Gorun) bool { return g.Metrics == "" }},
		{"{metrics: null}", func(g Gorun) bool { return g.Metrics == "" }},
		{"{metrics: 0}", nil},
		{"{metrics: 70000}", nil},
		{"{metrics: true}", nil},
		{"{metrics: 127.0.0.1}", nil},
		{"{metrics: '::1:9757'}", nil},
		{"{metrics: [1]}", nil},
		{"{metrics_minions: some}", nil},
		{"{max_size: much}", nil},
		{"{max_size: -1}", nil},
		{"{max_size: 9999999999GB}", nil},
		{"{queue_size: 1}", nil},
		{"{max_minions: 0}", nil},
		{"{settle: soon}", nil},
		{"{settle: -1}", nil},
	}
	for _, test := range tests {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "master"), []byte("gorun: "+test.yaml+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := Load(dir)
		switch {
		case test.ok == nil && (err == nil || !strings.Contains(err.Error(), "gorun: ")):
			t.Errorf("%s: no error, or one without the name: %v", test.yaml, err)
		case test.ok != nil && err != nil:
			t.Errorf("%s: %v", test.yaml, err)
		case test.ok != nil && !test.ok(c.Gorun):
			t.Errorf("%s: got %+v", test.yaml, c.Gorun)
		}
	}
}

// An address to listen at has a host and a port, or is none: everywhere has to be written out.
func FuzzListenAddress(f *testing.F) {
	for _, seed := range []string{"", "9757", ":9757", "localhost:9757", "[::1]:9757", "0.0.0.0:1", "::1:9757", "a:b:c", "-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		at, err := ListenAddress(text)
		if err != nil || at == "" {
			if err == nil && text != "" {
				t.Fatalf("%q is nowhere", text)
			}
			return
		}
		host, port, err := net.SplitHostPort(at)
		if err != nil || host == "" || port == "" || !strings.HasSuffix(text, port) {
			t.Fatalf("%q is read as %q: %v", text, at, err)
		}
	})
}
