package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
)

// The README shows some of the page's figures between these lines.
const (
	timesBegin = "<!-- times, of make bench -->\n"
	timesEnd   = "<!-- end of times -->\n"
)

var (
	// comparisonRow is a question to both: its text, salt-run's time, gorun's.
	comparisonRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ B \\| ([^|]+) \\| [^|]+ \\| ([^|]+) \\| [^|]+ \\| [^|]+ \\| ([^|]+) \\|")
	pageJobs      = regexp.MustCompile(`have the same ([\d,]+) jobs`)
	pageSalt      = regexp.MustCompile(`(?m)^\| Salt \| ([\d.]+): `)
	anyJID        = regexp.MustCompile(`\d{20}`)
)

// times are the lines for the README from a written page. What the running master does for both is
// left out: that is the master's time.
func times(page []byte) (string, error) {
	jobs, salt, rows := pageJobs.FindSubmatch(page), pageSalt.FindSubmatch(page), comparisonRow.FindAllSubmatch(page, -1)
	if jobs == nil || salt == nil || rows == nil {
		return "", errors.New("the page of benchmarks has no questions to both")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n| Salt %s, %s jobs in the cache | salt-run | gorun | times faster |\n| --- | ---: | ---: | ---: |\n", salt[1], jobs[1])
	for _, row := range rows {
		if question := string(row[1]); strings.HasPrefix(question, "jobs.") || strings.HasSuffix(question, "source=cache") {
			fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", anyJID.ReplaceAllString(question, "JID"), row[2], row[3], row[4])
		}
	}
	b.WriteByte('\n')
	return b.String(), nil
}

// withTimes is the README with these times.
func withTimes(readme []byte, times string) ([]byte, error) {
	before, rest, ok := bytes.Cut(readme, []byte(timesBegin))
	_, after, closed := bytes.Cut(rest, []byte(timesEnd))
	if !ok || !closed {
		return nil, fmt.Errorf("the README has no place for times: %s", strings.TrimSpace(timesBegin))
	}
	return fmt.Appendf(nil, "%s%s%s%s%s", before, timesBegin, times, timesEnd, after), nil
}

// writeReadme takes the times of a page into the README.
func writeReadme(path string, page []byte) error {
	readme, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	lines, err := times(page)
	if err != nil {
		return err
	}
	if readme, err = withTimes(readme, lines); err != nil {
		return err
	}
	return os.WriteFile(path, readme, 0o644)
}
