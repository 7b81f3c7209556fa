package runners

import (
	"fmt"
	"slices"
	"strings"

	"gorun/value"
)

// Param is one parameter of a function.
type Param struct {
	Name     string
	Default  value.Value // where the call gives none
	Required bool
	// KeywordOnly is set for what gorun adds to a function of Salt's: it is given by
	// name, so that the positions stay Salt's.
	KeywordOnly bool
}

// CallError is returned when a call does not fit a function's parameters. Its text is
// Python's; salt-run prints it behind "Passed invalid arguments: ", and the function's
// help below.
type CallError struct {
	Problem string
}

func (e *CallError) Error() string { return e.Problem }

// KeywordError is returned when a call names parameters that the function does not
// have. salt-run prints the help of the functions whose names start like this one's,
// and not this text (salt.utils.args.invalid_kwargs).
type KeywordError struct {
	Kwargs *value.Map
}

func (e *KeywordError) Error() string {
	var given []string
	for _, kw := range e.Kwargs.Entries {
		given = append(given, fmt.Sprint(kw.Key))
	}
	return "the following keyword arguments are not valid: " + strings.Join(given, ", ")
}

// Bind gives each of params its value from a call of fun (a dotted name), as Python
// does. Errors are *CallError and *KeywordError; where several things are wrong, the
// one that Salt would name.
func Bind(fun string, params []Param, args []value.Value, kwargs *value.Map) (Args, error) {
	_, name, _ := strings.Cut(fun, ".")
	wrong := func(format string, a ...any) error {
		return &CallError{name + "() " + fmt.Sprintf(format, a...)}
	}
	bound := make(Args, len(params))
	given := make([]bool, len(params))
	positions := slices.DeleteFunc(slices.Clone(params), func(p Param) bool { return p.KeywordOnly })
	for i, p := range params {
		bound[i] = p.Default
	}
	for i, v := range args[:min(len(args), len(positions))] {
		at := index(params, positions[i].Name)
		bound[at], given[at] = v, true
	}
	unknown := value.NewMap()
	var twice error
	if kwargs != nil {
		for _, kw := range kwargs.Entries {
			key, _ := kw.Key.(string)
			at := index(params, key)
			switch {
			case at < 0:
				unknown.Set(kw.Key, kw.Val)
			case given[at] && twice == nil:
				twice = wrong("got multiple values for argument '%s'", key)
			default:
				bound[at], given[at] = kw.Val, true
			}
		}
	}
	var missing []string
	required := 0
	for i, p := range params {
		if p.Required {
			required++
			if !given[i] {
				missing = append(missing, "'"+p.Name+"'")
			}
		}
	}
	switch {
	case unknown.Len() > 0:
		return nil, &KeywordError{unknown}
	case twice != nil:
		return nil, twice
	case len(args) > len(positions):
		return nil, wrong("%s", tooMany(required, len(positions), len(args)))
	case len(missing) > 0:
		return nil, wrong("missing %d required positional %s: %s", len(missing), plural("argument", len(missing)), enumerate(missing))
	}
	return bound, nil
}

func index(params []Param, name string) int {
	return slices.IndexFunc(params, func(p Param) bool { return p.Name == name })
}

func tooMany(required, most, given int) string {
	takes := fmt.Sprintf("takes %d positional %s", most, plural("argument", most))
	if required != most {
		takes = fmt.Sprintf("takes from %d to %d positional arguments", required, most)
	}
	if given == 1 {
		return takes + " but 1 was given"
	}
	return fmt.Sprintf("%s but %d were given", takes, given)
}

func plural(noun string, n int) string {
	if n == 1 {
		return noun
	}
	return noun + "s"
}

// enumerate joins names as Python does: a and b; a, b, and c.
func enumerate(names []string) string {
	last := len(names) - 1
	switch last {
	case 0:
		return names[0]
	case 1:
		return names[0] + " and " + names[1]
	}
	return strings.Join(names[:last], ", ") + ", and " + names[last]
}
