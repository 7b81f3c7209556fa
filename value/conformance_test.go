//go:build conformance

package value_test

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
	seed  = flag.Uint64("yaml.seed", uint64(time.Now().UnixNano()), "of the random texts")
	count = flag.Int("yaml.count", 20000, "how many random texts")
)

// TestYAMLConformance reads random texts with the real Salt and with gorun.
// GORUN_SALT_PYTHON names a Python that has Salt.
func TestYAMLConformance(t *testing.T) {
	python := os.Getenv("GORUN_SALT_PYTHON")
	if python == "" {
		t.Fatal("GORUN_SALT_PYTHON is not set")
	}
	salt := exec.CommandContext(t.Context(), python, "../testdata/yaml/record.py", "-")
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
		question, err := json.Marshal(randomYAML(random))
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
		var c yamlCase
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		if difference := c.difference(); difference != "" {
			t.Logf("%q: %s", c.YAML, difference)
			continue
		}
		equal++
	}
	stdin.Close()
	if err := salt.Wait(); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("yaml, seed %d: %d compared, %d equal\n", *seed, *count, equal)
	if equal < *count*999/1000 { // what the two libraries read differently is rare
		t.Errorf("%d differ", *count-equal)
	}
}

// randomYAML puts together what YAML cares for.
func randomYAML(random *rand.Rand) string {
	parts := []string{
		"a", "b", "key", "1", "0", "7", "60", "-", "+", ".", "_", "e", "E", "x", "0x", "0b", ":", ": ", ", ", ",", " ", " ",
		"[", "]", "{", "}", "'", "\"", "\\", "\n", "\n  ", "\n- ", "#", " #", "&a ", "*a", "!x ", "!!str ", "!!int ", "!!float ",
		"|", ">", "?", "? ", "<<: ", "=", "~", "null", "yes", "off", "true", ".inf", ".nan", "2015-03-19", "%", "@", "`", "\t", "é", "---", "...",
	}
	var text strings.Builder
	for range 1 + random.IntN(8) {
		text.WriteString(parts[random.IntN(len(parts))])
	}
	return text.String()
}
