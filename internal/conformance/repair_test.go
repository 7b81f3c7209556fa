package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorun/event/eventtest"
	"gorun/internal/saltlab/scenario"
	"gorun/value"
)

// A repair that is asked for while a subscriber runs is done by that one.
func TestRepairAsked(t *testing.T) {
	root, err := os.MkdirTemp("", "gorun-repair-") // short, as the path of a socket must be
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(root) })
	config, socket, err := scenario.Master{ID: "lab_master"}.Configure(root)
	if err != nil {
		t.Fatal(err)
	}
	server, err := eventtest.Serve(context.Background(), socket, flood(3), eventtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	g := gorun{binary: build(t), config: config}
	g.subscribe(t)
	until(t, "the flood is in the cache", func() bool { return g.status(t).Events >= 9 })

	const jid = "20261120000000000001"
	sum := sha256.Sum256([]byte(jid))
	name := hex.EncodeToString(sum[:])
	dir := filepath.Join(root, "cache/jobs", name[:2], name[2:])
	load, err := value.Encode(value.NewMap("jid", jid, "fun", "test.ping", "tgt", "*", "tgt_type", "glob", "arg", value.List{}, "user", "root"))
	err = errors.Join(err, os.MkdirAll(dir, 0o755), os.WriteFile(filepath.Join(dir, "jid"), []byte(jid), 0o644),
		os.WriteFile(filepath.Join(dir, ".load.p"), load, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	if out, _ := g.run(t, "jobs.list_jobs"); strings.Contains(string(out), jid) {
		t.Fatal("known before it was looked for")
	}
	_, said := g.run(t, "cache", "repair")
	if !strings.Contains(string(said), "1 jobs were mended from salt's job cache") {
		t.Errorf("gorun cache repair: %s", said)
	}
	if out, _ := g.run(t, "jobs.list_jobs"); !strings.Contains(string(out), jid) {
		t.Errorf("not taken:\n%s", out)
	}
}
