//go:build conformance

package conformance

import (
	"context"
	"fmt"
	"net"
	"testing"
	"time"

	"gorun/internal/saltlab"
)

// TestLiveCluster asks a master of a cluster whose others never come: it takes requests, and
// says to each that its cluster is not ready.
func TestLiveCluster(t *testing.T) {
	t.Parallel() // a Salt waits more than it works
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	pool, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := pool.Addr().(*net.TCPAddr).Port
	if err := pool.Close(); err != nil {
		t.Fatal(err)
	}
	lab := startLab(t, ctx, saltlab.Options{Version: "3008.3", Config: []string{
		"id: 127.0.0.1", "cluster_id: lab", "cluster_peers: [127.0.0.2, 127.0.0.3]", "cluster_pki_dir: " + t.TempDir(),
		fmt.Sprintf("cluster_pool_port: %d", port)}})
	a := &askTest{T: t, gorun: gorun{binary: build(t), config: lab.ConfigDir()}, lab: lab}
	for _, args := range [][]string{
		{"-t", "10", "test.arg", "a"}, {"manage.up", "source=ping"}, {"-t", "3", "jobs.active"}, {"-t", "3", "manage.versions"},
		{"-t", "3", "-a", "auto", "--username", "x", "--password", "y", "test.arg"},
	} {
		a.cannot("the master's cluster is not ready yet", "hint: ask again when", args...)
	}
}
