//go:build conformance

package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

var (
	seed  = flag.Uint64("args.seed", uint64(time.Now().UnixNano()), "of the random arguments")
	count = flag.Int("args.count", 20000, "how many random lines")
)

// TestArgsConformance reads random arguments with the real Salt and with gorun.
// GORUN_SALT_PYTHON names a Python that has Salt.
func TestArgsConformance(t *testing.T) {
	python := os.Getenv("GORUN_SALT_PYTHON")
	if python == "" {
		t.Fatal("GORUN_SALT_PYTHON is not set")
	}
	salt := exec.CommandContext(t.Context(), python, "../../testdata/args/record.py", "-")
	salt.Stderr = os.Stderr
	stdin, err := salt.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := salt.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := salt.Start(); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(stdout)
	random := rand.New(rand.NewPCG(*seed, 0))
	equal := 0
	for range *count {
		question, err := json.Marshal([]string{randomArg(random), randomArg(random)})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := stdin.Write(append(question, '\n')); err != nil {
			t.Fatal(err)
		}
		line, err := answers.ReadBytes('\n')
		if err != nil {
			t.Fatal(err)
		}
		var c parseCase
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if difference := c.difference(); difference != "" {
			t.Logf("%q: %s", c.Line, difference)
			continue
		}
		equal++
	}
	if err := stdin.Close(); err != nil {
		t.Fatal(err)
	}
	if err := salt.Wait(); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("arguments, seed %d: %d compared, %d equal\n", *seed, *count, equal)
	// Rare: a bare ! inside a map.
	if equal < *count*9995/10000 {
		t.Errorf("%d differ", *count-equal)
	}
}

// randomArg puts together what the reading of arguments cares for.
func randomArg(random *rand.Rand) string {
	parts := []string{
		"a", "b", "key=", "k=", "=", "==", "1", "0", "7", "20261122075300000000", "12345678901234567890", "-", "_", ".", "x", ":", ": ", ", ", ",", " ",
		"[", "]", "{", "}", "'", "\"", "\n", "#", " # ", "*", "!", "!!str ", "|", "~", "None", "null", "yes", "True", "1.5", "2015, Mar 19", "%", "@", "\t", "é", "---",
	}
	var text strings.Builder
	for range 1 + random.IntN(6) {
		text.WriteString(parts[random.IntN(len(parts))])
	}
	return text.String()
}
