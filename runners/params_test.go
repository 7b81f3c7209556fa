package runners_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"gorun/runners"
	"gorun/value"
)

func TestBindKeywordOnly(t *testing.T) {
	params := []runners.Param{{Name: "tgt", Default: "*"}, {Name: "source", KeywordOnly: true}}
	bound, err := runners.Bind("manage.up", params, []value.Value{"x"}, value.NewMap("source", "cache"))
	if err != nil || bound[0] != "x" || bound[1] != "cache" {
		t.Errorf("got %v, %v", bound, err)
	}
	var call *runners.CallError
	_, err = runners.Bind("manage.up", params, []value.Value{"x", "y"}, nil)
	if want := "up() takes from 0 to 1 positional arguments but 2 were given"; !errors.As(err, &call) || call.Problem != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// TestBind binds the calls that testdata/args/record.py had Python bind.
func TestBind(t *testing.T) {
	data, err := os.ReadFile("../testdata/args/bind.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Params []struct {
			Name     string
			Required bool
			Default  []byte // msgpack, as all of these
		}
		Line              []string
		Args, Kwargs      []byte
		Bound             []byte
		Problem, Keywords string
	}
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatal("no cases")
	}
	decode := func(packed []byte) value.Value {
		v, err := value.Decode(packed)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, test := range cases {
		var params []runners.Param
		for _, p := range test.Params {
			params = append(params, runners.Param{Name: p.Name, Required: p.Required, Default: decode(p.Default)})
		}
		bound, err := runners.Bind("module.f", params, decode(test.Args).(value.List), decode(test.Kwargs).(*value.Map))
		var call *runners.CallError
		var keyword *runners.KeywordError
		switch {
		case test.Problem != "":
			if !errors.As(err, &call) || call.Problem != test.Problem {
				t.Errorf("%v %q: %v; Python has %s", params, test.Line, err, test.Problem)
			}
		case test.Keywords != "":
			if !errors.As(err, &keyword) || !namesAll(test.Keywords, keyword.Kwargs) {
				t.Errorf("%v %q: %v; Salt has %s", params, test.Line, err, test.Keywords)
			}
		default:
			packed, _ := value.Encode(value.List(bound))
			if err != nil || !bytes.Equal(packed, test.Bound) {
				t.Errorf("%v %q: %v, %v; Python has %x", params, test.Line, bound, err, test.Bound)
			}
		}
	}
}

// namesAll tells whether Salt's message lists just these keywords.
func namesAll(message string, kwargs *value.Map) bool {
	_, list, _ := strings.Cut(message, ": ")
	given := strings.Count(list, "=")
	for _, kw := range kwargs.Entries {
		if !strings.Contains(", "+list, ", "+kw.Key.(string)+"=") {
			return false
		}
	}
	return given == kwargs.Len()
}
