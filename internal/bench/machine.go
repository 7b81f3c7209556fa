package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// machine is where the figures come from.
type machine struct {
	CPU    string
	Cores  int
	Memory string
	Kernel string
	Load   string // before the measurements; see load
}

// readMachine asks Linux; what it does not tell is "unknown".
func readMachine() machine {
	m := machine{CPU: "unknown", Memory: "unknown", Kernel: "unknown", Load: load(), Cores: runtime.NumCPU()}
	if name, ok := procField("/proc/cpuinfo", "model name"); ok {
		m.CPU = name
	}
	if text, ok := procField("/proc/meminfo", "MemTotal"); ok {
		if kb, err := strconv.Atoi(strings.TrimSuffix(text, " kB")); err == nil {
			m.Memory = fmt.Sprintf("%.0f GB", float64(kb)*1024/1e9)
		}
	}
	if out, err := exec.Command("uname", "-sr").Output(); err == nil {
		m.Kernel = strings.TrimSpace(string(out))
	}
	return m
}

// load is the load average of the last minute.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	now, _, _ := strings.Cut(string(text), " ")
	return now
}

// procField is the value of the first line "name : value".
func procField(file, name string) (string, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", false
	}
	for line := range strings.SplitSeq(string(text), "\n") {
		if key, val, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(val), true
		}
	}
	return "", false
}
