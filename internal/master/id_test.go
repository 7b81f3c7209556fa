package master

import (
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for name, want := range map[string]bool{
		"web1": true, "web1.example.com": true, "10.0.0.5": true, "127.example.com": true, "host-localhost": true, "1.0.0.1": true,
		"": false, "localhost": false, "localhost.localdomain": false, "ip6-localhost": false, "ip6-allnodes": false, "ipv6-x": false,
		"127.0.0.1": false, "127.0.1.1": false, "0.0.0.0": false, "::1": false, "fe00::0": false, "fe02::1": false,
		"1.0.0.0.0.0.0.0.0.0.ip6.arpa": false,
	} {
		if got := names(name); got != want {
			t.Errorf("%q: %v", name, got)
		}
	}
}

func TestID(t *testing.T) {
	tests := []struct{ name, tree, want string }{
		{"given", "-- etc/master --\nid: a\n", "a"},
		{"given as a number", "-- etc/master --\nid: 12\n", "12"},
		{"given as null", "-- etc/master --\nid:\n", "None"},
		{"ends with a dot", "-- etc/master --\nid: a.\nappend_domain: b\n", "a."},
		{"cached", "-- etc/master --\nroot_dir: $DIR\n-- etc/salt/minion_id --\n  web1 \n", "web1_master"},
		{"cached behind a byte order mark", "-- etc/master --\nroot_dir: $DIR\n-- etc/salt/minion_id --\n\ufeffweb1\n", "web1_master"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c, err := Load(tree(t, test.tree))
			if err != nil {
				t.Fatal(err)
			}
			if got := c.ID(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// An id made of the host's names is the same each time, changed as the settings want.
func TestNewID(t *testing.T) {
	load := func(text string) string {
		c, err := Load(tree(t, "-- etc/master --\nroot_dir: $DIR\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		return c.ID()
	}
	id, ok := strings.CutSuffix(load(""), "_master")
	if !ok || id == "" {
		t.Fatalf("id %q", id)
	}
	if got, want := load("minion_id_lowercase: true\n"), strings.ToLower(id)+"_master"; got != want {
		t.Errorf("lower case: %q, want %q", got, want)
	}
	short, domain, _ := strings.Cut(id, ".")
	if got, want := load("minion_id_remove_domain: true\n"), short+"_master"; got != want {
		t.Errorf("without domains: %q, want %q", got, want)
	}
	if got, want := load("minion_id_remove_domain: '"+domain+"'\n"), short+"_master"; got != want {
		t.Errorf("without its domain %q: %q, want %q", domain, got, want)
	}
}
