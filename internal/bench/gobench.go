package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// goBenchmark is one line of `go test -bench`.
type goBenchmark struct {
	Package, Name string
	Nanos         float64 // of one operation
	MBPerSecond   string  // or empty
	Bytes, Allocs string  // of one operation
}

// goBenchmarks runs those of all packages, shortly.
func goBenchmarks(ctx context.Context) ([]goBenchmark, error) {
	out, err := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", ".", "-benchmem", "-benchtime", "300ms", "-p", "1", "./...").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go test -bench: %w\n%s", err, out)
	}
	return parseBenchmarks(string(out)), nil
}

// parseBenchmarks reads the lines "Benchmark… N value unit value unit …" below each "pkg:".
func parseBenchmarks(text string) []goBenchmark {
	var all []goBenchmark
	pkg := ""
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == "pkg:" {
			pkg = strings.TrimPrefix(fields[1], "gorun/")
		}
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") {
			continue
		}
		b := goBenchmark{Package: pkg, Name: strings.TrimPrefix(fields[0], "Benchmark")}
		for i := 2; i+1 < len(fields); i += 2 {
			switch val := fields[i]; fields[i+1] {
			case "ns/op":
				b.Nanos, _ = strconv.ParseFloat(val, 64) // go test wrote it
			case "MB/s":
				b.MBPerSecond = val
			case "B/op":
				b.Bytes = val
			case "allocs/op":
				b.Allocs = val
			}
		}
		all = append(all, b)
	}
	return all
}
