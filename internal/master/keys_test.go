package master

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func TestKeys(t *testing.T) {
	c, err := Load(tree(t, `
-- etc/master --
root_dir: $DIR
-- etc/salt/pki/master/minions/web2 --
-- etc/salt/pki/master/minions/Web1 --
-- etc/salt/pki/master/minions/db:3é --
-- etc/salt/pki/master/minions/.key_cache --
-- etc/salt/pki/master/minions/back\slash --
-- etc/salt/pki/master/minions/folder/key --
-- etc/salt/pki/master/minions_pre/new --
-- etc/salt/pki/master/minions_denied/odd --
`))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("web2", filepath.Join(c.PkiDir, "minions", "link")); err != nil {
		t.Fatal(err)
	}
	for state, want := range map[KeyState][]string{
		Accepted: {"db:3é", "Web1", "web2"},
		Pending:  {"new"},
		Denied:   {"odd"},
		Rejected: nil, // no such folder
	} {
		if got, err := c.Keys(state); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, %v; want %q", state, got, err, want)
		}
	}
}

func TestKeysMissing(t *testing.T) {
	c, err := Load(tree(t, "-- etc/master --\nroot_dir: $DIR\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.AcceptedKeys(); !errors.Is(err, ErrKeys) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

func TestKeysOfCluster(t *testing.T) {
	c, err := Load(tree(t, "-- etc/master --\nroot_dir: $DIR\ncluster_id: c\ncluster_pki_dir: $DIR/shared\n-- shared/minions/a --\n"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.AcceptedKeys(); err != nil || !reflect.DeepEqual(got, []string{"a"}) {
		t.Errorf("got %q, %v", got, err)
	}
}
