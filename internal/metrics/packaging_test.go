package metrics_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gorun/internal/metrics"
)

const (
	rules     = "../../packaging/prometheus/gorun.rules.yml"
	rulesTest = "../../packaging/prometheus/gorun.rules.test.yml"
	dashboard = "../../packaging/grafana/gorun.json"
	page      = "../../docs/metrics.md"
)

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// named are the metrics that a text speaks of, as they are scraped.
func named(text string) []string {
	return regexp.MustCompile(`\bgorun_[a-z_]+`).FindAllString(text, -1)
}

// Rules, their tests, the dashboard and the page name metrics that there are, and the page
// names every alert. Every alert has a test.
func TestNames(t *testing.T) {
	var series []string // as they are scraped
	for name, f := range parse(t, text(t, everything(t))) {
		series = append(series, name)
		if f.GetMetric()[0].GetHistogram() != nil {
			series = append(series, name+"_bucket", name+"_sum", name+"_count")
		}
	}
	for _, path := range []string{rules, rulesTest, dashboard, page} {
		found := named(read(t, path))
		if len(found) == 0 {
			t.Errorf("%s names no metrics", path)
		}
		for _, name := range found {
			if !slices.Contains(series, name) {
				t.Errorf("%s: there is no %s", path, name)
			}
		}
	}
	alerts := regexp.MustCompile(`alert: (\w+)`).FindAllStringSubmatch(read(t, rules), -1)
	if len(alerts) == 0 {
		t.Error("no alerts")
	}
	for _, alert := range alerts {
		if !strings.Contains(read(t, page), "| `"+alert[1]+"` |") {
			t.Errorf("%s does not tell of %s", page, alert[1])
		}
		if !regexp.MustCompile(alert[1] + `\n\s+exp_alerts:`).MatchString(read(t, rulesTest)) {
			t.Errorf("no test in which %s is told", alert[1])
		}
	}
}

// everything is a sample of something of everything.
func everything(t testing.TB) *metrics.Sample {
	now := time.Now()
	return metrics.Read(t.Context(), metrics.Config{
		Store: made(t, full(now)), Gather: 5 * time.Second, MaxSize: 1000, Minions: true, Keys: accepted("m1", "m2"),
		Queue: func() (int, int) { return 8, 9 },
	}, now)
}

// queries are the dashboard's, with what Grafana puts into them.
func queries(t *testing.T) (all []string) {
	t.Helper()
	var board struct {
		Panels []struct {
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal([]byte(read(t, dashboard)), &board); err != nil {
		t.Fatal(err)
	}
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			all = append(all, strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*").Replace(target.Expr))
		}
	}
	if len(all) == 0 {
		t.Fatal("the dashboard asks nothing")
	}
	return all
}

// Prometheus's own tool reads the rules, proves them by their tests, reads the dashboard's
// queries, and finds nothing to say of a sample.
func TestPromtool(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skipf("NOT DONE: %v", err)
	}
	asked := filepath.Join(t.TempDir(), "dashboard.yml")
	var b strings.Builder
	b.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, query := range queries(t) {
		fmt.Fprintf(&b, "  - {record: 'query:%d', expr: %q}\n", i, query)
	}
	if err := os.WriteFile(asked, []byte(b.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"check", "rules", rules}, {"test", "rules", rulesTest}, {"check", "rules", asked}, {"check", "metrics"}} {
		cmd := exec.Command(promtool, args...)
		var sample bytes.Buffer
		if err := everything(t).Write(&sample); err != nil {
			t.Fatal(err)
		}
		cmd.Stdin = &sample
		out, err := cmd.CombinedOutput()
		if err != nil || args[1] == "metrics" && len(out) > 0 {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// The table of the page has the metrics in their order, each with its labels in the order in which
// they are scraped and, where it lists them, with their values.
func TestPage(t *testing.T) {
	scraped := parse(t, text(t, everything(t)))
	quoted := regexp.MustCompile("`([a-z_]+)`")
	words := func(s string) (found []string) {
		for _, m := range quoted.FindAllStringSubmatch(s, -1) {
			found = append(found, m[1])
		}
		return found
	}
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`gorun_[^|]*) \\| ([^|]*) ?\\|").FindAllStringSubmatch(read(t, page), -1) {
		for _, name := range words(row[1]) {
			names = append(names, name)
			labels, values, _ := strings.Cut(row[2], ":")
			var has, told []string
			for _, m := range scraped[name].GetMetric() {
				has = nil
				for _, label := range m.GetLabel() {
					has = append(has, label.GetName())
				}
				if n := len(m.GetLabel()); n > 0 {
					told = append(told, m.GetLabel()[n-1].GetValue())
				}
			}
			if !slices.Equal(words(labels), has) {
				t.Errorf("%s has the labels %q, on the page %q", name, has, words(labels))
			}
			slices.Sort(told)
			listed := slices.Sorted(slices.Values(words(values)))
			if len(listed) > 0 && !slices.Equal(listed, slices.Compact(told)) {
				t.Errorf("%s has the values %q, on the page %q", name, told, listed)
			}
		}
	}
	if !slices.Equal(names, metrics.Names()) {
		t.Errorf("on the page %q\nthere are %q", names, metrics.Names())
	}
}
