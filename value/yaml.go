package value

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"gopkg.in/yaml.v3"
)

// MaxAliased is how many nodes the aliases and merge keys of one YAML document may
// add to those that are written out: a dozen lines can stand for billions.
const MaxAliased = 1 << 16

// ErrAliases is returned when a YAML document grows by more than MaxAliased nodes.
var ErrAliases = errors.New("aliases expand to too much")

// YAMLError says where in a YAML document something is wrong, and what. A nesting
// too deep unwraps to ErrDepth, too many aliases to ErrAliases.
type YAMLError struct {
	Line    int // from 1
	Problem error
}

func (e *YAMLError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Problem) }

func (e *YAMLError) Unwrap() error { return e.Problem }

// FromYAML reads one YAML document as Salt reads its configuration and the
// arguments of a runner (salt.utils.yamlloader, over PyYAML and so YAML 1.1): yes,
// no, on and off are bools, 1:30 is 90, 0o17 and 1e3 are text. What Salt changes of
// PyYAML is kept: dates are text, a leading zero does not make a number octal,
// a key that comes twice is an error. An empty document is nil; an integer past 64
// bits is the text of its digits. Sets, ordered maps and pairs, which no Value can
// hold, are errors.
//
// Every error is a [*YAMLError].
func FromYAML(data []byte) (Value, error) {
	text := string(data)
	if rest, ok := strings.CutPrefix(text, "%YAML 1.2"); ok { // the library refuses what libyaml takes
		text = "%YAML 1.1" + rest
	}
	doc, err := parseYAML(strings.NewReader(text))
	if err != nil {
		problem := strings.TrimPrefix(err.Error(), "yaml: ")
		if rest, ok := strings.CutPrefix(problem, "line "); ok { // often another line than the wrong one
			_, problem, _ = strings.Cut(rest, ": ")
		}
		return nil, &YAMLError{Line: errorLine(text), Problem: errors.New(problem)}
	}
	if doc == nil {
		return nil, nil
	}
	if err := checkAnchors(doc, make(map[string]bool)); err != nil {
		return nil, err
	}
	b := builder{left: MaxAliased}
	return b.value(doc.Content[0], 0)
}

// checkAnchors refuses a second anchor of the same name, as PyYAML does.
func checkAnchors(n *yaml.Node, seen map[string]bool) error {
	if n.Anchor != "" {
		if seen[n.Anchor] {
			return fail(n, "found duplicate anchor %s", n.Anchor)
		}
		seen[n.Anchor] = true
	}
	for _, child := range n.Content {
		if err := checkAnchors(child, seen); err != nil {
			return err
		}
	}
	return nil
}

// parseYAML returns the one document in r, nil if there is none.
func parseYAML(r io.Reader) (*yaml.Node, error) {
	dec := yaml.NewDecoder(r)
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, err
	}
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
		return &doc, nil
	case err == nil:
		return nil, errors.New("a second document")
	default:
		return nil, err
	}
}

// errorLine finds the line at which text stops to be YAML: the last one that can be
// read makes place for the first that cannot. The parser itself names the start of
// the collection around the error, or no line at all.
func errorLine(text string) int {
	lines := strings.SplitAfter(text, "\n")
	read := &lineReader{lines: lines}
	_, _ = parseYAML(read)
	bad := read.given // text[:bad] is broken, text[:good] is not
	sound := func(n int) bool {
		_, err := parseYAML(strings.NewReader(strings.Join(lines[:n], "")))
		return err == nil
	}
	good, step := bad-1, 1
	for good > 0 && !sound(good) {
		bad = good
		good -= step
		step *= 2
	}
	good = max(good, 0)
	for bad-good > 1 {
		if middle := (good + bad) / 2; sound(middle) {
			good = middle
		} else {
			bad = middle
		}
	}
	return max(bad, 1)
}

// lineReader gives one line a call, to learn how far a parser reads.
type lineReader struct {
	lines []string
	given int    // lines begun
	rest  string // of the last of them
}

func (r *lineReader) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.given == len(r.lines) {
			return 0, io.EOF
		}
		r.rest = r.lines[r.given]
		r.given++
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// builder makes values of a document's nodes.
type builder struct {
	left    int // of MaxAliased
	aliased int // how many aliases the node is inside of
}

func fail(n *yaml.Node, format string, args ...any) error {
	return &YAMLError{Line: n.Line, Problem: fmt.Errorf(format, args...)}
}

func (b *builder) spend(n *yaml.Node, nodes int) error {
	if b.left -= nodes; b.left < 0 {
		return fail(n, "%w", ErrAliases)
	}
	return nil
}

func (b *builder) value(n *yaml.Node, depth int) (Value, error) {
	if depth > MaxDepth {
		return nil, fail(n, "%w", ErrDepth)
	}
	if n.Kind == yaml.AliasNode {
		b.aliased++
		defer func() { b.aliased-- }()
		return b.value(n.Alias, depth+1)
	}
	if b.aliased > 0 {
		if err := b.spend(n, 1); err != nil {
			return nil, err
		}
	}
	switch tag := tagOf(n); n.Kind {
	case yaml.SequenceNode:
		if tag != "!!seq" {
			return nil, fail(n, "a list cannot be %s", tag)
		}
		return b.list(n, depth)
	case yaml.MappingNode:
		if tag != "!!map" {
			return nil, fail(n, "a map cannot be %s", tag)
		}
		return b.mapping(n, depth)
	default:
		v, err := scalar(tag, n.Value)
		if err != nil {
			return nil, fail(n, "%w", err)
		}
		return v, nil
	}
}

func (b *builder) list(n *yaml.Node, depth int) (Value, error) {
	l := make(List, 0, len(n.Content))
	for _, child := range n.Content {
		if err := checkColon(n, child); err != nil {
			return nil, err
		}
		v, err := b.value(child, depth+1)
		if err != nil {
			return nil, err
		}
		l = append(l, v)
	}
	return l, nil
}

func (b *builder) mapping(n *yaml.Node, depth int) (Value, error) {
	nodes, err := b.flatten(n, depth)
	if err != nil {
		return nil, err
	}
	m := &Map{Entries: make([]Entry, 0, len(nodes)/2)}
	seen := make(map[any]struct{}, len(nodes)/2)
	for i := 0; i+1 < len(nodes); i += 2 {
		last := nodes[i+1]
		if last.Kind == yaml.ScalarNode && last.Style == 0 && last.Value == "" {
			last = nodes[i]
		}
		if err := checkColon(n, last); err != nil {
			return nil, err
		}
		key, err := b.key(nodes[i], depth)
		if err != nil {
			return nil, err
		}
		h, ok := hashable(key)
		if !ok {
			return nil, fail(nodes[i], "found unacceptable key")
		}
		val, err := b.value(nodes[i+1], depth+1)
		if err != nil {
			return nil, err
		}
		if _, twice := seen[h]; twice {
			return nil, fail(nodes[i], "found conflicting ID '%v'", key)
		}
		seen[h] = struct{}{}
		m.Entries = append(m.Entries, Entry{key, val})
	}
	return m, nil
}

// checkColon refuses [a:] and {a:}, which libyaml does not read and the library does.
func checkColon(parent, child *yaml.Node) error {
	if parent.Style&yaml.FlowStyle != 0 && child.Kind == yaml.ScalarNode &&
		child.Style&^yaml.TaggedStyle == 0 && strings.HasSuffix(child.Value, ":") {
		return fail(child, "found unexpected ':'")
	}
	return nil
}

// key is value, but that a bare "=" is text in this place alone.
func (b *builder) key(n *yaml.Node, depth int) (Value, error) {
	if n.Kind == yaml.ScalarNode && tagOf(n) == "!!value" {
		return n.Value, nil
	}
	return b.value(n, depth+1)
}

// flatten returns the keys and values of a map, in turn, with what its merge keys
// bring: before the map's own, without the keys that it has itself.
func (b *builder) flatten(n *yaml.Node, depth int) ([]*yaml.Node, error) {
	if depth > MaxDepth {
		return nil, fail(n, "%w", ErrDepth)
	}
	var own, merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if tagOf(key) != "!!merge" {
			own = append(own, key, val)
			continue
		}
		more, err := b.merge(resolveAlias(val), depth)
		if err != nil {
			return nil, err
		}
		merged = append(merged, more...)
	}
	if merged == nil {
		return own, nil
	}
	has := make(map[string]bool, len(own)/2)
	for i := 0; i < len(own); i += 2 {
		has[resolveAlias(own[i]).Value] = true
	}
	var nodes []*yaml.Node
	for i := 0; i < len(merged); i += 2 {
		if !has[resolveAlias(merged[i]).Value] {
			nodes = append(nodes, merged[i], merged[i+1])
		}
	}
	return append(nodes, own...), b.spend(n, len(nodes))
}

// merge returns what the value of a merge key brings: a map its own content, a list
// of maps the content of each, the last first.
func (b *builder) merge(n *yaml.Node, depth int) ([]*yaml.Node, error) {
	switch n.Kind {
	case yaml.MappingNode:
		return b.flatten(n, depth+1)
	case yaml.SequenceNode:
		var nodes []*yaml.Node
		for i := len(n.Content) - 1; i >= 0; i-- {
			child := resolveAlias(n.Content[i])
			if child.Kind != yaml.MappingNode {
				return nil, fail(child, "expected a mapping for merging")
			}
			more, err := b.flatten(child, depth+1)
			if err != nil {
				return nil, err
			}
			nodes = append(nodes, more...)
		}
		return nodes, nil
	}
	return nil, fail(n, "expected a mapping or list of mappings for merging")
}

func resolveAlias(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
