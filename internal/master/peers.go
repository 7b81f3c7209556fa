package master

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"gorun/value"
)

// ErrPeers is returned when this machine's connections cannot be read.
var ErrPeers = errors.New("connections to the master")

// socketTables are where Linux lists the TCP sockets.
var socketTables = []string{"/proc/net/tcp", "/proc/net/tcp6"}

// Peers are the addresses that minions may be connected from, as Salt has it since
// 2017.7 (salt.utils.minions.CkMinions.connected_ids): the far ends of established
// connections to publish_port, and with detect_remote_minions of those that this machine
// has to remote_minions_port elsewhere. A minion on this machine connects from the
// loopback address, which is in everybody's grains: this machine's other addresses stand
// in its place. Errors are ErrPeers.
func (c *Config) Peers() (map[netip.Addr]bool, error) {
	remotePort := 0
	if detect, _ := c.opts.Get("detect_remote_minions"); value.Truth(detect) {
		remotePort = 22
		if v, ok := c.opts.Get("remote_minions_port"); ok {
			c.fill(setting{"remote_minions_port", &remotePort, nil}, v)
		}
	}
	peers := make(map[netip.Addr]bool)
	read := 0
	for _, table := range socketTables {
		sockets, err := readSockets(table)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrPeers, table, err)
		}
		read++
		for _, s := range sockets {
			if s.established && (int(s.local.Port()) == c.PublishPort || int(s.remote.Port()) == remotePort) {
				peers[s.remote.Addr()] = true
			}
		}
	}
	if read == 0 {
		return nil, fmt.Errorf("%w: this system has no %s", ErrPeers, socketTables[0])
	}
	return peers, replaceLoopback(peers)
}

// replaceLoopback puts this machine's addresses of a family in the place of its loopback
// address.
func replaceLoopback(peers map[netip.Addr]bool) error {
	for _, loopback := range []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()} {
		if !peers[loopback] {
			continue
		}
		delete(peers, loopback)
		own, err := net.InterfaceAddrs()
		if err != nil {
			return fmt.Errorf("%w: this machine's addresses: %w", ErrPeers, err)
		}
		for _, addr := range own {
			prefix, err := netip.ParsePrefix(addr.String())
			if err == nil && prefix.Addr().Is4() == loopback.Is4() && !prefix.Addr().IsLoopback() {
				peers[prefix.Addr()] = true
			}
		}
	}
	return nil
}

// socket is one line of /proc/net/tcp. IPv4 addresses that are mapped into IPv6 are IPv4.
type socket struct {
	local, remote netip.AddrPort
	established   bool
}

func readSockets(path string) ([]socket, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	sockets, err := parseSockets(f)
	return sockets, errors.Join(err, f.Close())
}

// parseSockets reads what Linux writes into /proc/net/tcp and tcp6.
func parseSockets(r io.Reader) ([]socket, error) {
	const established = 1
	var sockets []socket
	scanner := bufio.NewScanner(r)
	for scanner.Scan() {
		fields := strings.Fields(scanner.Text())
		if len(fields) == 0 || fields[0] == "sl" {
			continue
		}
		if len(fields) < 4 {
			return nil, fmt.Errorf("not a socket: %q", scanner.Text())
		}
		local, err := parseEnd(fields[1])
		if err != nil {
			return nil, err
		}
		remote, err := parseEnd(fields[2])
		if err != nil {
			return nil, err
		}
		state, err := strconv.ParseUint(fields[3], 16, 8)
		if err != nil {
			return nil, fmt.Errorf("not a socket's state: %q", fields[3])
		}
		sockets = append(sockets, socket{local, remote, state == established})
	}
	return sockets, scanner.Err()
}

// parseEnd reads one end of a connection, as in 0100007F:1199: the address as words of 32
// bits, each in the byte order of this machine, then the port.
func parseEnd(text string) (netip.AddrPort, error) {
	words, port, ok := strings.Cut(text, ":")
	raw, err := hex.DecodeString(words)
	number, err2 := strconv.ParseUint(port, 16, 16)
	if !ok || err != nil || err2 != nil || len(raw) != 4 && len(raw) != 16 {
		return netip.AddrPort{}, fmt.Errorf("not an address and a port: %q", text)
	}
	for word := raw; len(word) > 0; word = word[4:] {
		binary.NativeEndian.PutUint32(word, binary.BigEndian.Uint32(word))
	}
	addr, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(addr.Unmap(), uint16(number)), nil
}
