package runners

import (
	"encoding/json"
	"os"
	"testing"
	"time"
)

// The ways of writing a time and what dateutil makes of them on 22 November 2026.
func TestParseTime(t *testing.T) {
	data, err := os.ReadFile("../testdata/when/forms.json")
	if err != nil {
		t.Fatal(err)
	}
	var forms [][2]string
	if err := json.Unmarshal(data, &forms); err != nil {
		t.Fatal(err)
	}
	if len(forms) == 0 {
		t.Fatal("no forms recorded")
	}
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	for _, form := range forms {
		got := ""
		if parsed, err := parseTime(form[0], now); err == nil {
			got = parsed.Format("2006-01-02 15:04:05.000000")
		}
		if got != form[1] {
			t.Errorf("%q: got %q, dateutil has %q", form[0], got, form[1])
		}
	}
}

func FuzzParseTime(f *testing.F) {
	for _, seed := range []string{"2015, Mar 16 19:00", "20150316T190005", "Fri 7pm", "1/2/03", "10:00:00.5"} {
		f.Add(seed)
	}
	now := time.Date(2026, 11, 22, 9, 30, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		if parsed, err := parseTime(s, now); err == nil && parsed.IsZero() {
			t.Errorf("%q is the zero time", s)
		}
	})
}
