package spec

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v4"
)

// node is a YAML value with aliases and merge keys resolved. It remembers its
// file, which yaml.Node does not. Nodes are shared (anchors) and never changed.
type node struct {
	kind  nodeKind
	text  string // of a scalar, as written
	place Place
	items []*node // of a list
	keys  []entry // of a mapping, in the order of the file
	index map[string]int
	// broken stands for what could not be built. It was reported.
	broken bool
}

type entry struct {
	name  string
	place Place // of the key
	value *node
}

type nodeKind int

const (
	nullNode nodeKind = iota
	scalarNode
	listNode
	mappingNode
)

// String is the kind as a message has it.
func (k nodeKind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a mapping"}[k]
}

// get is the value of a key of a mapping, nil where it is not there.
func (n *node) get(name string) *node {
	if i, ok := n.index[name]; ok {
		return n.keys[i].value
	}
	return nil
}

func (n *node) add(e entry) {
	if n.index == nil {
		n.index = map[string]int{}
	}
	n.index[e.name] = len(n.keys)
	n.keys = append(n.keys, e)
}

const (
	// maxDepth is deeper than the configuration goes by far.
	maxDepth = 32
	// maxAliased bounds the values that aliases stand for, all files' aliases
	// followed: without it, a kilobyte of nested aliases stands for gigabytes.
	maxAliased = 200_000
)

// treeBuilder turns one file's yaml.Nodes into nodes.
type treeBuilder struct {
	file    string
	faults  Faults
	built   map[*yaml.Node]*node // by anchor, each built once
	sizes   map[*node]int        // values in a built anchor, aliases in it followed
	open    map[*yaml.Node]bool  // anchors that are being built: an alias to one is a circle
	aliased int
	stopped bool // the bound on aliases was hit and said so
}

func (t *treeBuilder) at(n *yaml.Node) Place { return Place{t.file, n.Line, n.Column} }

func (t *treeBuilder) fault(n *yaml.Node, format string, args ...any) {
	t.faults = append(t.faults, Fault{Place: t.at(n), Message: fmt.Sprintf(format, args...)})
}

func (t *treeBuilder) root(document *yaml.Node) *node {
	if len(document.Content) == 0 {
		return nil
	}
	t.sizes = map[*node]int{}
	root, _ := t.build(document.Content[0], 0)
	return root
}

// build also counts the values below, aliases followed.
func (t *treeBuilder) build(y *yaml.Node, depth int) (*node, int) {
	n := &node{place: t.at(y)}
	if depth > maxDepth {
		t.fault(y, "cannot read what is nested deeper than %d levels", maxDepth)
		n.broken = true
		return n, 1
	}
	if y.Kind == yaml.AliasNode {
		return t.alias(y, depth)
	}
	if y.Anchor != "" {
		t.open[y] = true
		defer delete(t.open, y)
	}
	if !knownTag(y) {
		t.fault(y, "unknown tag %s", quote(y.Tag))
		n.broken = true
		return n, 1
	}
	size := 1
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = listNode
		for _, item := range y.Content {
			child, s := t.build(item, depth+1)
			n.items, size = append(n.items, child), size+s
		}
	case yaml.MappingNode:
		n.kind = mappingNode
		size += t.mapping(n, y, depth)
	default:
		if y.Tag != "!!null" {
			n.kind, n.text = scalarNode, y.Value
		}
	}
	if y.Anchor != "" {
		t.built[y], t.sizes[n] = n, size
	}
	return n, size
}

// knownTag is the tags of YAML's core schema. A date is text here.
func knownTag(y *yaml.Node) bool {
	switch y.Tag {
	case "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp", "!!merge", "!":
		return y.Kind == yaml.ScalarNode
	case "!!seq":
		return y.Kind == yaml.SequenceNode
	case "!!map":
		return y.Kind == yaml.MappingNode
	}
	return y.Tag == ""
}

func (t *treeBuilder) alias(y *yaml.Node, depth int) (*node, int) {
	if t.open[y.Alias] {
		t.fault(y, "alias %s stands inside its own anchor", quote("*"+y.Value))
		return &node{place: t.at(y), broken: true}, 1
	}
	n := t.built[y.Alias]
	if n == nil { // first met inside a key that is not read, x-…
		n, _ = t.build(y.Alias, depth)
	}
	size := t.sizes[n]
	if t.aliased += size; t.aliased > maxAliased {
		if !t.stopped {
			t.fault(y, "cannot read aliases that stand for more than %d values", maxAliased)
		}
		t.stopped = true
		return &node{place: t.at(y), broken: true}, 1
	}
	return n, size
}

// mapping fills n, and returns how many values it holds.
func (t *treeBuilder) mapping(n *node, y *yaml.Node, depth int) int {
	size := 0
	var merges []*yaml.Node
	lines := map[string]int{}
	for i := 0; i+1 < len(y.Content); i += 2 {
		key, value := y.Content[i], y.Content[i+1]
		for key.Kind == yaml.AliasNode && key.Alias.Kind != yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode || key.Tag == "!!null":
			t.fault(y.Content[i], "cannot use this as a key: a key is a word")
			continue
		case key.Tag == "!!merge":
			merges = append(merges, value)
			continue
		case lines[key.Value] > 0:
			t.fault(y.Content[i], "duplicate key %s, first written in line %d", quote(key.Value), lines[key.Value])
			continue
		}
		lines[key.Value] = y.Content[i].Line
		if depth == 0 && strings.HasPrefix(key.Value, "x-") {
			continue // for the operator's anchors and other tools' settings
		}
		child, s := t.build(value, depth+1)
		n.add(entry{key.Value, t.at(y.Content[i]), child})
		size += s
	}
	for _, m := range merges {
		size += t.merge(n, m, depth)
	}
	return size
}

// merge adds the keys that a merge key ("<<") brings and that are not there;
// of several mappings the first wins. See yaml.org/type/merge.html.
func (t *treeBuilder) merge(n *node, y *yaml.Node, depth int) int {
	source, size := t.build(y, depth+1)
	sources := []*node{source}
	if source.kind == listNode {
		sources = source.items
	}
	for _, s := range sources {
		if s.kind != mappingNode {
			if !s.broken {
				t.fault(y, "cannot merge %s with <<: only mappings merge", s.kind)
			}
			continue
		}
		for _, e := range s.keys {
			if n.get(e.name) == nil {
				n.add(e)
			}
		}
	}
	return size
}

// mergeNodes lays a later file over an earlier one. Neither is changed.
func mergeNodes(base, over *node) *node {
	switch {
	case base == nil:
		return over
	case over == nil:
		return base
	case base.kind == mappingNode && over.kind == nullNode:
		return base // a key whose lines are all comments says nothing
	case base.kind != mappingNode || over.kind != mappingNode:
		return over
	}
	n := &node{kind: mappingNode, place: over.place}
	for _, e := range base.keys {
		if o := over.get(e.name); o != nil {
			e.value = mergeNodes(e.value, o)
			if e.value == o {
				e.place = over.keys[over.index[e.name]].place
			}
		}
		n.add(e)
	}
	for _, e := range over.keys {
		if base.get(e.name) == nil {
			n.add(e)
		}
	}
	return n
}
