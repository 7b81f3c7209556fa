package master

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"gorun/value"
)

// pack writes v below the master's cachedir.
func pack(t *testing.T, c *Config, name string, v value.Value) {
	t.Helper()
	data, err := value.Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(c.CacheDir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func grainsOf(addresses ...value.Value) *value.Map {
	return value.NewMap("id", "web1", "ipv6", value.List{"::1", "fd00::2"}, "ipv4", value.List(addresses))
}

func TestGrains(t *testing.T) {
	// 3008 keeps the grains by themselves.
	since3008, err := Load(tree(t, "-- etc/master --\nroot_dir: $DIR\n"))
	if err != nil {
		t.Fatal(err)
	}
	pack(t, since3008, "grains/web1.p", grainsOf("127.0.0.1", "192.0.2.1"))
	pack(t, since3008, "grains/odd.p", value.NewMap("ipv4", "192.0.2.9", "ipv6", nil))
	pack(t, since3008, "grains/tmpx8h2", grainsOf("192.0.2.9")) // being written
	pack(t, since3008, "minions/old/data.p", value.NewMap("grains", grainsOf("192.0.2.9")))
	pack(t, since3008, "grains.p", grainsOf("192.0.2.9"))
	// The Salts before had them together with the pillar.
	before, err := Load(tree(t, "-- etc/master --\nroot_dir: $DIR\n"))
	if err != nil {
		t.Fatal(err)
	}
	pack(t, before, "minions/web1/data.p", value.NewMap("pillar", value.NewMap("ipv4", value.List{"192.0.2.9"}),
		"grains", grainsOf("127.0.0.1", "192.0.2.1")))
	pack(t, before, "minions/odd/data.p", value.NewMap("pillar", nil))
	for _, c := range []*Config{since3008, before} {
		if ids, err := c.CachedMinions(); err != nil || !reflect.DeepEqual(ids, []string{"odd", "web1"}) {
			t.Errorf("%q, %v", ids, err)
		}
		for id, want := range map[string][]string{
			"web1": {"127.0.0.1", "192.0.2.1", "::1", "fd00::2"},
			"odd":  nil, "nobody": nil, "": nil, "../grains": nil, "../minions/web1": nil,
		} {
			if got, err := c.Addresses(id); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %q, %v; want %q", id, got, err, want)
			}
		}
	}
}

func TestGrainsBroken(t *testing.T) {
	c, err := Load(tree(t, `
-- etc/master --
root_dir: $DIR
-- var/cache/salt/master/grains/noise.p --
noise
-- var/cache/salt/master/grains/folder.p/file --
-- var/cache/salt/master/grains/empty.p --
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"noise", "folder", "empty"} {
		if got, err := c.Addresses(id); !errors.Is(err, ErrGrains) {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
}

func TestGrainsElsewhere(t *testing.T) {
	for conf, want := range map[string]error{"minion_data_cache: false": nil, "cache: redis": ErrGrains} {
		c, err := Load(tree(t, "-- etc/master --\nroot_dir: $DIR\n"+conf+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		pack(t, c, "grains/web1.p", grainsOf("192.0.2.1"))
		ids, err := c.CachedMinions()
		if len(ids) > 0 || !errors.Is(err, want) {
			t.Errorf("%s: %q, %v", conf, ids, err)
		}
		addresses, err := c.Addresses("web1")
		if len(addresses) > 0 || !errors.Is(err, want) {
			t.Errorf("%s: %q, %v", conf, addresses, err)
		}
	}
}

func FuzzParseGrains(f *testing.F) {
	for _, v := range []value.Value{
		grainsOf("127.0.0.1", int64(4), nil), value.NewMap("grains", grainsOf("192.0.2.1")),
		value.NewMap("ipv4", value.NewMap("ipv4", value.List{"x"})), value.List{},
	} {
		data, err := value.Encode(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, false)
		f.Add(data, true)
		f.Add(data[:len(data)-1], true)
	}
	f.Fuzz(func(t *testing.T, data []byte, nested bool) {
		addresses, err := parseGrains(data, nested)
		if _, span := value.Span(data); span != nil && err == nil {
			t.Errorf("%x is no msgpack: %q", data, addresses)
		}
	})
}
