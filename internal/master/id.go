package master

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gorun/value"
)

// findTimeout bounds what the resolver may take for the host's full name.
const findTimeout = 5 * time.Second

// findID gives the master's id as apply_master_config does: the configured one, or
// that of a minion here (salt.config.get_id) with _master behind it.
func (c *Config) findID() string {
	id, suffix := "", ""
	if v, _ := c.opts.Get("id"); value.Truth(v) {
		id, _ = v.(string)
	}
	isAddress := false
	if id == "" {
		suffix = "_master"
		if id = c.cachedID(); id == "" {
			id = c.newID()
			addr, err := netip.ParseAddr(id)
			isAddress = err == nil && addr.Is4()
		}
	}
	if v, ok := c.opts.Get("append_domain"); ok && !isAddress {
		domain, _ := scalarText(v)
		if !strings.HasSuffix(id, domain) && !strings.HasSuffix(id, ".") {
			id += "." + domain
		}
	}
	return id + suffix
}

// cachedID is the id that a minion on this machine has written down, or empty.
func (c *Config) cachedID() string {
	if v, ok := c.opts.Get("minion_id_caching"); ok && !value.Truth(v) {
		return ""
	}
	data, err := os.ReadFile(filepath.Join(c.RootDir, systemDir, "minion_id"))
	if err != nil {
		return ""
	}
	line, _, _ := strings.Cut(string(data), "\n")
	id := strings.TrimPrefix(strings.TrimSpace(line), "\ufeff")
	if id == "localhost" {
		return ""
	}
	return id
}

// newID is an id made of the host's names.
func (c *Config) newID() string {
	id := hostID()
	if v, _ := c.opts.Get("minion_id_lowercase"); value.Truth(v) {
		id = strings.ToLower(id)
	}
	switch domain, _ := c.opts.Get("minion_id_remove_domain"); domain := domain.(type) {
	case bool:
		if domain {
			id, _, _ = strings.Cut(id, ".")
		}
	case string:
		if n := len(id) - len(domain) - 1; domain != "" && n >= 0 && strings.EqualFold(id[n:], "."+domain) {
			id = id[:n]
		}
	}
	return id
}

// hostID is salt.utils.network.generate_minion_id: the first name of this machine
// that does not mean itself, among its full name, its host name, those of some files,
// and its addresses.
func hostID() string {
	host, _ := os.Hostname()
	for _, name := range []string{fullName(host), host} {
		if names(name) {
			return name
		}
	}
	for _, file := range []string{"/etc/hostname", "/etc/nodename", "/etc/hosts"} {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			fields := strings.Fields(line)
			if len(fields) == 1 || len(fields) > 0 && (strings.HasPrefix(fields[0], "127.") || fields[0] == "::1") {
				if i := slices.IndexFunc(fields, names); i >= 0 {
					return fields[i]
				}
			}
		}
	}
	if addr := firstAddress(); addr != "" {
		return addr
	}
	return "localhost"
}

// fullName is Python's socket.getfqdn: the first name with a dot that the resolver
// has for the host's address, else the first.
func fullName(host string) string {
	ctx, cancel := context.WithTimeout(context.Background(), findTimeout)
	defer cancel()
	addrs, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil || len(addrs) == 0 {
		return host
	}
	found, err := net.DefaultResolver.LookupAddr(ctx, addrs[0])
	if err != nil || len(found) == 0 {
		return host
	}
	for i := range found {
		found[i] = strings.TrimSuffix(found[i], ".")
	}
	if i := slices.IndexFunc(found, func(name string) bool { return strings.Contains(name, ".") }); i >= 0 {
		return found[i]
	}
	return found[0]
}

// names tells whether a name says which machine it is: localhost and the like, which
// every machine has, do not.
func names(name string) bool {
	for _, local := range []string{"localhost", "ip6-", "ipv6-", "0.0.0.0", "::1", "fe00::", "fe02::"} {
		if strings.HasPrefix(name, local) {
			return false
		}
	}
	if rest, ok := strings.CutPrefix(name, "127."); ok && rest != "" && '0' <= rest[0] && rest[0] <= '9' {
		return false
	}
	return name != "" && !(strings.HasPrefix(name, "1.0.0.") && strings.HasSuffix(name, ".ip6.arpa"))
}

// firstAddress is this machine's lowest IPv4 address that others can see, or empty.
func firstAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	var seen []netip.Addr
	for _, addr := range addrs {
		prefix, err := netip.ParsePrefix(addr.String())
		if err == nil && prefix.Addr().Is4() && !prefix.Addr().IsLoopback() {
			seen = append(seen, prefix.Addr())
		}
	}
	if len(seen) == 0 {
		return ""
	}
	return slices.MinFunc(seen, netip.Addr.Compare).String()
}
