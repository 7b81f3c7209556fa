package main

import (
	"bytes"
	"os"
	"testing"
)

// The README's times are those of the page of benchmarks. To take them over without measuring:
//
//	GORUN_UPDATE_DOCS=1 go test ./internal/bench -run Readme
func TestReadme(t *testing.T) {
	const path = "../../README.md"
	page, err := os.ReadFile("../../docs/benchmarks.md")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("GORUN_UPDATE_DOCS") != "" {
		if err := writeReadme(path, page); err != nil {
			t.Fatal(err)
		}
	}
	readme, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines, err := times(page)
	if err != nil {
		t.Fatal(err)
	}
	want, err := withTimes(readme, lines)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readme, want) {
		t.Error("the README's times are not those of docs/benchmarks.md: GORUN_UPDATE_DOCS=1 go test ./internal/bench -run Readme")
	}
}
