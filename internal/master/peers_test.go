package master

import (
	"encoding/json"
	"errors"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
)

// TestParseSockets reads the lines that testdata/sockets/record.py had Salt read.
func TestParseSockets(t *testing.T) {
	data, err := os.ReadFile("../../testdata/sockets/parsed.json")
	if err != nil {
		t.Fatal(err)
	}
	type salts struct {
		LocalAddr  string `json:"local_addr"`
		LocalPort  int    `json:"local_port"`
		RemoteAddr string `json:"remote_addr"`
		RemotePort int    `json:"remote_port"`
		State      int    `json:"state"`
	}
	var recorded map[string][]salts
	if err := json.Unmarshal(data, &recorded); err != nil {
		t.Fatal(err)
	}
	for _, table := range []string{"tcp", "tcp6"} {
		got, err := readSockets("../../testdata/sockets/" + table)
		if err != nil || len(got) == 0 || len(got) != len(recorded[table]) {
			t.Fatalf("%s: %d sockets, %v; Salt has %d", table, len(got), err, len(recorded[table]))
		}
		for i, want := range recorded[table] {
			s := salts{got[i].local.Addr().String(), int(got[i].local.Port()), got[i].remote.Addr().String(), int(got[i].remote.Port()), want.State}
			if s != want || got[i].established != (want.State == 1) {
				t.Errorf("%s, line %d: got %+v, established %v; Salt has %+v", table, i+2, s, got[i].established, want)
			}
		}
	}
}

func TestParseSocketsRefuses(t *testing.T) {
	for _, line := range []string{
		"0: 0100007F:5558 00000000:0000",         // no state
		"0: 0100007F5558 00000000:0000 0A",       // no port
		"0: 0100007F:5558 0000000000:0000 0A",    // five bytes
		"0: 0100007G:5558 00000000:0000 0A",      // no hexadecimal
		"0: 0100007F:15558 00000000:0000 0A",     // a port of 17 bits
		"0: 0100007F:5558 00000000:0000 LISTEN",  // a state by name
		"0: :5558 00000000:0000 0A and the rest", // no address
	} {
		if got, err := parseSockets(strings.NewReader("  sl  local_address\n" + line + "\n")); err == nil {
			t.Errorf("%q: no error, %v", line, got)
		}
	}
}

// The far end of a real connection to publish_port is a peer as long as it stands.
func TestPeers(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	c, err := Load(tree(t, "-- etc/master --\n{}\n"))
	if err != nil {
		t.Fatal(err)
	}
	c.PublishPort = listener.Addr().(*net.TCPAddr).Port
	if peers, err := c.Peers(); err != nil || len(peers) != 0 {
		t.Errorf("nobody is connected: %v, %v", peers, err)
	}
	minion, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer minion.Close()
	master, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	own := map[netip.Addr]bool{netip.MustParseAddr("127.0.0.1"): true}
	if err := replaceLoopback(own); err != nil {
		t.Fatal(err)
	}
	peers, err := c.Peers()
	if err != nil || len(peers) != len(own) {
		t.Fatalf("got %v, %v; want %v", peers, err, own)
	}
	for addr := range own {
		if !peers[addr] {
			t.Errorf("%v is not among %v", addr, peers)
		}
	}
}

// What this machine connects to elsewhere counts where it is told to.
func TestPeersDetectRemote(t *testing.T) {
	master := socketTables
	defer func() { socketTables = master }()
	socketTables = []string{"../../testdata/sockets/tcp", "../../testdata/sockets/tcp6", "no such table"}
	for _, test := range []struct {
		conf string
		want string // one address that must be there, or empty: none
		not  string
	}{
		{"publish_port: 14505", "fd00::2", "::1"}, // that of ::1 is closing
		{"publish_port: 14506", "", "fd00::2"},
		{"{publish_port: 14506, detect_remote_minions: true, remote_minions_port: 14505}", "192.0.2.2", ""},
		{"{publish_port: 14506, detect_remote_minions: true}", "", "192.0.2.2"}, // port 22
	} {
		c, err := Load(tree(t, "-- etc/master --\n"+test.conf+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		peers, err := c.Peers()
		if err != nil || test.want != "" && !peers[netip.MustParseAddr(test.want)] {
			t.Errorf("%s: got %v, %v; want %s", test.conf, peers, err, test.want)
		}
		if test.not != "" && peers[netip.MustParseAddr(test.not)] {
			t.Errorf("%s: got %v; %s is no peer", test.conf, peers, test.not)
		}
	}
	socketTables = []string{"no such table"}
	c, err := Load(tree(t, "-- etc/master --\n{}\n"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Peers(); !errors.Is(err, ErrPeers) {
		t.Errorf("no table: got %v", err)
	}
}

// No input makes the reader fall, and what it takes for an address can be written.
func FuzzParseSockets(f *testing.F) {
	for _, table := range []string{"tcp", "tcp6"} {
		data, err := os.ReadFile("../../testdata/sockets/" + table)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add("0: 0100007F:5558 00000000:0000 0A")
	f.Add("sl\n\n0:::")
	f.Fuzz(func(t *testing.T, table string) {
		sockets, err := parseSockets(strings.NewReader(table))
		if err != nil {
			return
		}
		for _, s := range sockets {
			if !s.local.IsValid() || !s.remote.IsValid() || s.remote.Addr().Is4In6() {
				t.Errorf("%q: %v", table, s)
			}
		}
	})
}
