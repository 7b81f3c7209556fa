package output

import (
	"fmt"

	"gorun/value"
)

// printVirtQuery follows salt.output.virt_query: what virt.query gives under "data",
// a map of hosts, each with vm_info. Salt takes the machine itself from the host at
// the top of the map, not below data; so it is here.
func printVirtQuery(w *writer, v value.Value, _ *Options) error {
	data, err := field(v, "data")
	if err != nil {
		return err
	}
	hosts, ok := data.(*value.Map)
	if !ok {
		return errNotMap
	}
	for _, host := range hosts.Entries {
		info, err := field(host.Val, "vm_info")
		if err != nil {
			return err
		}
		machines, ok := info.(*value.Map)
		if !ok {
			return errNotMap
		}
		w.str(str(host.Key) + "\n")
		for _, vm := range machines.Entries {
			w.str("  " + str(vm.Key) + "\n")
			machine, err := field(v, str(host.Key), "vm_info", str(vm.Key))
			if err != nil {
				return err
			}
			if err := virtMachine(w, str(host.Key), machine); err != nil {
				return err
			}
		}
	}
	return nil
}

// field looks v up by one key after the other.
func field(v value.Value, keys ...string) (value.Value, error) {
	for _, key := range keys {
		m, ok := v.(*value.Map)
		if !ok {
			return nil, errNotMap
		}
		if v, ok = m.Get(key); !ok {
			return nil, missingError(key)
		}
	}
	return v, nil
}

// A missingError names a key that a map does not have: Python's KeyError.
type missingError string

func (e missingError) Error() string { return fmt.Sprintf("no %q", string(e)) }

func virtMachine(w *writer, host string, v value.Value) error {
	m, ok := v.(*value.Map)
	if !ok {
		return errNotMap
	}
	for _, f := range []struct{ key, label string }{{"cpu", "CPU"}, {"mem", "Memory"}, {"state", "State"}} {
		if val, ok := m.Get(f.key); ok {
			w.str("    " + f.label + ": " + str(val) + "\n")
		}
	}
	if graphics, ok := m.Get("graphics"); ok {
		if kind, err := field(graphics, "type"); err == nil && kind == "vnc" {
			port, err := field(graphics, "port")
			if err != nil {
				return err
			}
			w.str("    Graphics: vnc - " + host + ":" + str(port) + "\n")
		}
	}
	if disks, ok := m.Get("disks"); ok {
		if err := virtParts(w, "Disk", disks, virtDisk); err != nil {
			return err
		}
	}
	if nics, ok := m.Get("nics"); ok {
		return virtParts(w, "Nic", nics, virtNIC)
	}
	return nil
}

// virtParts writes each of a machine's disks or network cards.
func virtParts(w *writer, label string, v value.Value, lines func(part value.Value) ([][2]string, error)) error {
	m, ok := v.(*value.Map)
	if !ok {
		return errNotMap
	}
	for _, e := range m.Entries {
		w.str("    " + label + " - " + str(e.Key) + ":\n")
		parts, err := lines(e.Val)
		if err != nil {
			return err
		}
		for _, line := range parts {
			w.str("      " + line[0] + ": " + line[1] + "\n")
		}
	}
	return nil
}

func virtDisk(disk value.Value) ([][2]string, error) {
	lines := [][2]string{{"Size", "disk size"}, {"File", "file"}, {"File Format", "file format"}}
	for i := range lines {
		val, err := field(disk, lines[i][1])
		if err != nil {
			return nil, err
		}
		lines[i][1] = str(val)
	}
	return lines, nil
}

func virtNIC(nic value.Value) ([][2]string, error) {
	source, err := field(nic, "source")
	if err != nil {
		return nil, err
	}
	m, ok := source.(*value.Map)
	if !ok || m.Len() == 0 {
		return nil, errNotMap
	}
	kind, err := field(nic, "type")
	if err != nil {
		return nil, err
	}
	return [][2]string{{"Source", str(m.Entries[0].Val)}, {"Type", str(kind)}}, nil
}
