package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"gorun/event"
	"gorun/event/eventtest"
	"gorun/value"
)

// job is the frames of the nth job: its announcement, and the returns of two minions.
func job(now time.Time, n int) (frames []byte) {
	jid := strings.Replace(now.Add(time.Duration(n%1000)*time.Microsecond).Format("20060102150405.000000"), ".", "", 1)
	stamp := now.UTC().Format("2006-01-02T15:04:05.000000")
	frames = eventtest.Frame("salt/job/"+jid+"/new", value.NewMap(
		"jid", jid, "fun", "cmd.run", "arg", value.List{"uptime"}, "tgt", "*", "tgt_type", "glob", "user", "root",
		"minions", value.List{"m1", "m2"}, "_stamp", stamp), event.FormStream)
	text := strings.Repeat(fmt.Sprintf("line %d of what was said\n", n), 20)
	for _, id := range []string{"m1", "m2"} {
		frames = append(frames, eventtest.Frame("salt/job/"+jid+"/ret/"+id, value.NewMap(
			"jid", jid, "id", id, "return", text, "retcode", int64(0), "success", true, "fun", "cmd.run",
			"fun_args", value.List{"uptime"}, "_stamp", stamp), event.FormStream)...)
	}
	return frames
}

// process tells the memory and the time of the processor that a process has taken.
func process(pid int) (memory int64, cpu time.Duration, err error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, err
	}
	// pid (name) state …: utime and stime are the 14th and 15th, in ticks of 10 ms, rss the 24th.
	fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
	var n [3]int64
	for i, at := range []int{11, 12, 21} {
		if n[i], err = strconv.ParseInt(fields[at], 10, 64); err != nil {
			return 0, 0, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
	}
	return n[2] * int64(os.Getpagesize()), time.Duration(n[0]+n[1]) * 10 * time.Millisecond, nil
}
