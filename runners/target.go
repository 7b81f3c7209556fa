package runners

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorun/value"
)

// MatchTarget picks the ids that a target names, as salt.utils.minions.CkMinions does for
// the kinds that go by the id alone. ErrNeedsMaster for the kinds that need grains or
// pillar, ErrArgument for a kind that Salt does not know.
func MatchTarget(ids []string, tgt value.Value, tgtType string) ([]string, error) {
	var match func(id string) bool
	switch tgtType {
	case "glob":
		match = func(id string) bool { return Fnmatch(id, text(tgt)) }
	case "list":
		names := splitInput(tgt)
		match = func(id string) bool { return slices.Contains(names, id) }
	case "pcre":
		// Salt matches from the start of the id. A pattern that does not compile matches none.
		re, err := regexp.Compile(`^(?:` + text(tgt) + `)`)
		match = func(id string) bool { return err == nil && re.MatchString(id) }
	case "grain", "grain_pcre", "pillar", "pillar_exact", "pillar_pcre", "compound", "compound_pillar_exact",
		"nodegroup", "ipcidr", "range", "node", "cloud", "data":
		return nil, fmt.Errorf("tgt_type=%s: %w", tgtType, ErrNeedsMaster)
	default:
		return nil, fmt.Errorf("%w: tgt_type=%s", ErrArgument, tgtType)
	}
	var matched []string
	for _, id := range ids {
		if match(id) {
			matched = append(matched, id)
		}
	}
	return matched, nil
}

// splitInput makes a list of text of what may be one or a text with commas, as
// salt.utils.args.split_input does.
func splitInput(v value.Value) []string {
	if list, ok := v.(value.List); ok {
		out := make([]string, len(list))
		for i, e := range list {
			out[i] = text(e)
		}
		return out
	}
	parts := strings.Split(text(v), ",")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// text is a scalar as text: what stood on the command line may have been read as a number.
func text(v value.Value) string {
	switch v := v.(type) {
	case string:
		return v
	case value.Bytes:
		return string(v)
	case nil:
		return "None"
	case bool:
		if v {
			return "True"
		}
		return "False"
	}
	return fmt.Sprint(v)
}

// MatchFunction tells whether the name of a job's function, or one of a job of several, is
// meant by globs, which may be several with commas.
func MatchFunction(fun, globs string) bool {
	for name := range strings.SplitSeq(fun, ",") {
		if anyMatches(name, splitInput(globs)) {
			return true
		}
	}
	return false
}
