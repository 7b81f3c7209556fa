package scenario

import (
	"encoding/json"
	"os"
	"path/filepath"
	"unicode/utf8"
)

// A Recording is what a folder of testdata/recordings holds: a master, what its bus
// carried, and what salt-run answered.
type Recording struct {
	Master  Master
	Answers []Answer
	// Bus is the bus as saltlab.Capture has it; Read leaves it nil, since players
	// of recordings have their own way with it.
	Bus    []byte
	ZeroMQ bool
}

// Master is what a replay must know about the master (master.json).
type Master struct {
	Version string   `json:"version"`
	ID      string   `json:"id"`
	Minions []string `json:"minions"` // the accepted keys
	Config  []string `json:"config"`  // lines of the configuration file
}

// An Answer is one run of salt-run (an entry of answers.json).
type Answer struct {
	Args []string `json:"args"`
	// Stdout is what it printed, Base64 the same when it is no valid UTF-8.
	Stdout string `json:"stdout"`
	Base64 []byte `json:"stdout_base64,omitempty"`
	Status int    `json:"status"`
}

// NewAnswer makes an entry of answers.json.
func NewAnswer(args []string, stdout []byte, status int) Answer {
	a := Answer{Args: args, Status: status}
	if utf8.Valid(stdout) {
		a.Stdout = string(stdout)
	} else {
		a.Base64 = stdout
	}
	return a
}

// Bytes returns what was printed.
func (a Answer) Bytes() []byte {
	if a.Base64 != nil {
		return a.Base64
	}
	return []byte(a.Stdout)
}

const (
	masterFile  = "master.json"
	answersFile = "answers.json"
)

// Write puts the recording into a folder, which it makes.
func (r *Recording) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, masterFile), r.Master); err != nil {
		return err
	}
	if err := writeJSON(filepath.Join(dir, answersFile), r.Answers); err != nil {
		return err
	}
	bus := "bus.stream"
	if r.ZeroMQ {
		bus = "bus.zmq"
	}
	return os.WriteFile(filepath.Join(dir, bus), r.Bus, 0o644)
}

// Read reads the master and the answers of a recording.
func Read(dir string) (*Recording, error) {
	r := new(Recording)
	if err := readJSON(filepath.Join(dir, masterFile), &r.Master); err != nil {
		return nil, err
	}
	if err := readJSON(filepath.Join(dir, answersFile), &r.Answers); err != nil {
		return nil, err
	}
	_, err := os.Stat(filepath.Join(dir, "bus.zmq"))
	r.ZeroMQ = err == nil
	return r, nil
}

func writeJSON(name string, v any) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(f)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	if err := enc.Encode(v); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func readJSON(name string, v any) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	return json.Unmarshal(data, v)
}
