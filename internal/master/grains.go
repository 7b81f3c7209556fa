package master

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gorun/value"
)

// ErrGrains is returned when the grains that the master keeps of its minions cannot be
// read.
var ErrGrains = errors.New("cached grains")

// CachedMinions lists the ids of the minions whose grains the master keeps; none where
// minion_data_cache is off. Errors are ErrGrains.
func (c *Config) CachedMinions() ([]string, error) {
	bank, err := c.grainsBank()
	if err != nil || bank.dir == "" {
		return nil, err
	}
	files, err := os.ReadDir(bank.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrGrains, err)
	}
	var ids []string
	for _, file := range files {
		id, ok := bank.id(file.Name())
		if ok && validID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// Addresses lists the IPv4 and then the IPv6 addresses in a minion's cached grains, as
// they stand there; none where the master keeps no grains of it. Errors are ErrGrains.
func (c *Config) Addresses(id string) ([]string, error) {
	bank, err := c.grainsBank()
	if err != nil || bank.dir == "" || id == "" || !validID(id) {
		return nil, err
	}
	data, err := os.ReadFile(bank.file(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w of %s: %w", ErrGrains, id, err)
	}
	addresses, err := parseGrains(data, bank.nested)
	if err != nil {
		return nil, fmt.Errorf("%w of %s: %w", ErrGrains, id, err)
	}
	return addresses, nil
}

// parseGrains picks the addresses out of a msgpack map of grains, or, nested, of one that
// has such a map under the key grains.
func parseGrains(data value.Raw, nested bool) ([]string, error) {
	if nested {
		var grains value.Raw
		err := value.Fields(data, func(key string, val value.Raw) error {
			if key == "grains" {
				grains = val
			}
			return nil
		})
		if err != nil || grains == nil {
			return nil, err
		}
		data = grains
	}
	var ipv4, ipv6 []string
	err := value.Fields(data, func(key string, val value.Raw) (err error) {
		switch key {
		case "ipv4":
			ipv4, err = texts(val)
		case "ipv6":
			ipv6, err = texts(val)
		}
		return err
	})
	return append(ipv4, ipv6...), err
}

// texts reads a list of text; what is no text in it, or is no list, is left out.
func texts(raw value.Raw) ([]string, error) {
	v, err := raw.Decode()
	if err != nil {
		return nil, err
	}
	list, _ := v.(value.List)
	var out []string
	for _, e := range list {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// bank is where the grains lie: <cachedir>/grains/ID.p since 3008, beside the pillar in
// <cachedir>/minions/ID/data.p before.
type bank struct {
	dir    string // empty where the master keeps none
	nested bool   // in folders, and in a map
}

func (c *Config) grainsBank() (bank, error) {
	if v, ok := c.opts.Get("minion_data_cache"); ok && !value.Truth(v) {
		return bank{}, nil
	}
	if driver, _ := c.opts.Get("cache"); value.Truth(driver) && driver != "localfs" {
		return bank{}, fmt.Errorf("%w: the master keeps them with %s, not in files", ErrGrains, kindOf(driver))
	}
	if dir := filepath.Join(c.CacheDir, "grains"); isDir(dir) {
		return bank{dir: dir}, nil
	}
	return bank{dir: filepath.Join(c.CacheDir, "minions"), nested: true}, nil
}

// id is the minion that a name in the bank's folder belongs to.
func (b bank) id(name string) (string, bool) {
	if b.nested {
		return name, true
	}
	return strings.CutSuffix(name, ".p")
}

func (b bank) file(id string) string {
	if b.nested {
		return filepath.Join(b.dir, id, "data.p")
	}
	return filepath.Join(b.dir, id+".p")
}
