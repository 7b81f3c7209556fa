package localclient

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gorun/value"
)

// resolve puts what nodegroups stand for in their place, which minions do not know
// (LocalClient._prep_pub).
func (c *Client) resolve(tgt value.Value, tgtType string) (value.Value, string, error) {
	if tgtType == "nodegroup" {
		name, _ := text(tgt)
		words, err := c.nodegroup(name)
		return strings.Join(words, " "), "compound", err
	}
	if tgtType != "compound" {
		return tgt, tgtType, nil
	}
	var resolved []string
	for _, word := range wordsOf(tgt) {
		name, ok := strings.CutPrefix(word, "N@")
		if !ok || name == "" {
			resolved = append(resolved, word)
			continue
		}
		words, err := c.nodegroup(name)
		if err != nil {
			return nil, "", err
		}
		resolved = append(resolved, words...)
	}
	return strings.Join(resolved, " "), tgtType, nil
}

func (c *Client) nodegroup(name string) ([]string, error) {
	if _, ok := c.Nodegroups.Get(name); !ok {
		return nil, fmt.Errorf("%w: no nodegroup %s in the master's configuration", ErrTarget, name)
	}
	return expandNodegroup(name, c.Nodegroups, nil), nil
}

// wordsOf takes an expression apart, which may be a list already.
func wordsOf(expression value.Value) []string {
	if list, ok := expression.(value.List); ok {
		words := make([]string, len(list))
		for i, v := range list {
			words[i] = fmt.Sprint(v)
		}
		return words
	}
	s, _ := text(expression)
	return strings.Fields(s)
}

var (
	operators = []string{"and", "or", "not", "(", ")"}
	typed     = regexp.MustCompile(`^[A-Z]@`)
)

// expandNodegroup follows salt.utils.minions.nodegroup_comp: the words of a group, in
// brackets where it is made of others. A group within itself, or that there is not, is
// empty.
func expandNodegroup(name string, groups *value.Map, within []string) []string {
	definition, ok := groups.Get(name)
	if !ok || slices.Contains(within, name) {
		return nil
	}
	words := wordsOf(definition)
	nested := false
	expanded := []string{"("}
	for _, word := range words {
		if inner, ok := strings.CutPrefix(word, "N@"); ok && inner != "" {
			nested = true
			expanded = append(expanded, expandNodegroup(inner, groups, append(within, name))...)
			continue
		}
		expanded = append(expanded, word)
	}
	top := len(within) == 0
	if (!top || !nested) && isIDs(words) {
		prefix := "L@"
		if slices.ContainsFunc(words, func(w string) bool { return strings.ContainsAny(w, `([{\?}])`) }) {
			prefix = "E@"
		}
		return []string{prefix + strings.Join(words, ",")}
	}
	if top && !nested {
		return words
	}
	return append(expanded, ")")
}

// isIDs tells whether a group names minions, and no expression.
func isIDs(words []string) bool {
	return len(words) > 0 && !slices.ContainsFunc(words, func(w string) bool {
		return slices.Contains(operators, w) || strings.Contains(w, "*") || typed.MatchString(w)
	})
}
