package spec

import (
	"bytes"
	"encoding"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Format is how Render writes.
type Format string

// The formats of Render.
const (
	FormatYAML Format = "yaml"
	FormatJSON Format = "json"
)

// Render writes the configuration with all defaults merged in, or one service
// of it. The result is a configuration file again, and means the same. Its
// order is always the same: keys as the reference has them, names sorted.
//
// It fails where there is no such service.
func (c *Config) Render(service string, format Format) ([]byte, error) {
	out := mappingOf()
	if service == "" {
		e := c.Effective()
		add(out, "resource_isolation", renderValue(reflect.ValueOf(e.Isolation)))
		add(out, "services", c.renderServices(e.Services))
	} else {
		s, err := c.merged(service)
		if err != nil {
			return nil, err
		}
		add(out, "services", c.renderServices(map[string]*Service{service: s}))
	}
	if format == FormatJSON {
		var b, indented bytes.Buffer
		if err := writeJSON(&b, out); err != nil {
			return nil, err
		}
		if err := json.Indent(&indented, b.Bytes(), "", "  "); err != nil {
			return nil, err
		}
		indented.WriteByte('\n')
		return indented.Bytes(), nil
	}
	return yaml.Dump(out, yaml.WithLineWidth(-1))
}

func (c *Config) renderServices(services map[string]*Service) *yaml.Node {
	out := mappingOf()
	for _, name := range slices.Sorted(maps.Keys(services)) {
		s := services[name]
		rendered := renderValue(reflect.ValueOf(*s))
		if p := (&translator{service: s}).ofPriority(); p != nil && s.OOMScoreAdj == nil {
			// Not a key of its own in the result: a host that cannot lower it
			// would refuse it there.
			for i, n := range rendered.Content {
				if n.Value == "priority" && i%2 == 0 {
					rendered.Content[i+1].LineComment = fmt.Sprintf("oom_score_adj %d", p.oomScoreAdj)
				}
			}
		}
		add(out, name, rendered)
	}
	return out
}

func mappingOf() *yaml.Node { return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"} }

func scalarOf(tag, text string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: text}
}

func add(mapping *yaml.Node, key string, value *yaml.Node) {
	if value != nil {
		mapping.Content = append(mapping.Content, scalarOf("!!str", key), value)
	}
}

// renderValue is nil for what is unset, and for a structure with nothing set.
func renderValue(v reflect.Value) *yaml.Node {
	switch t := v.Interface().(type) {
	case Rlimit:
		return renderRlimit(t)
	case encoding.TextMarshaler:
		if v.Kind() == reflect.Pointer {
			break
		}
		text, err := t.MarshalText()
		if err != nil {
			return nil // none of ours fails
		}
		return scalarOf(tagOf(string(text)), string(text))
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		n := renderValue(v.Elem())
		if n == nil {
			n = mappingOf() // health_check: {} is not the same as none
		}
		return n
	case reflect.Struct:
		return renderStruct(v)
	case reflect.Map:
		return renderMap(v)
	case reflect.Slice:
		return renderList(v)
	case reflect.String:
		return scalarOf("!!str", v.String())
	case reflect.Bool:
		return scalarOf("!!bool", strconv.FormatBool(v.Bool()))
	}
	return scalarOf("!!int", fmt.Sprint(v.Interface()))
}

func renderStruct(v reflect.Value) *yaml.Node {
	n := mappingOf()
	for i := range v.NumField() {
		if key := v.Type().Field(i).Tag.Get("yaml"); key != "" {
			f := v.Field(i)
			if v.Type().Field(i).Tag.Get("open") != "" && !f.IsNil() && isOpen(f.Elem()) {
				add(n, key, scalarOf("!!str", unlimited))
				continue
			}
			add(n, key, renderValue(f))
		}
	}
	if len(n.Content) == 0 {
		return nil
	}
	return n
}

func renderMap(v reflect.Value) *yaml.Node {
	if v.IsNil() {
		return nil
	}
	n := mappingOf()
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	for _, key := range keys {
		add(n, key.String(), renderValue(v.MapIndex(key)))
	}
	return n
}

func renderList(v reflect.Value) *yaml.Node {
	if v.IsNil() {
		return nil
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
	for i := range v.Len() {
		item := renderValue(v.Index(i))
		if item == nil {
			item = mappingOf()
		}
		n.Content = append(n.Content, item)
	}
	return n
}

func renderRlimit(r Rlimit) *yaml.Node {
	value := func(v uint64) *yaml.Node { return scalarOf(tagOf(formatRlimit(v)), formatRlimit(v)) }
	if r.Soft == r.Hard {
		return value(r.Soft)
	}
	n := mappingOf()
	add(n, "soft", value(r.Soft))
	add(n, "hard", value(r.Hard))
	return n
}

// tagOf keeps numbers numbers, where a unit is written as one.
func tagOf(text string) string {
	whole, fraction, isFraction := strings.Cut(text, ".")
	switch {
	case !digits(whole) || isFraction && !digits(fraction):
		return "!!str"
	case isFraction:
		return "!!float"
	}
	return "!!int"
}

// writeJSON keeps the order of keys, which encoding/json's maps do not.
func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	text := func(s string) error {
		quoted, err := json.Marshal(s)
		for _, r := range string(quoted) {
			if printable(r) {
				b.WriteRune(r)
			} else {
				fmt.Fprintf(b, `\u%04x`, r)
			}
		}
		return err
	}
	switch {
	case n.Kind == yaml.MappingNode:
		b.WriteByte('{')
		for i := 0; i < len(n.Content); i += 2 {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := text(n.Content[i].Value); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := writeJSON(b, n.Content[i+1]); err != nil {
				return err
			}
		}
		b.WriteByte('}')
	case n.Kind == yaml.SequenceNode:
		b.WriteByte('[')
		for i, item := range n.Content {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := writeJSON(b, item); err != nil {
				return err
			}
		}
		b.WriteByte(']')
	case n.Tag == "!!str":
		return text(n.Value)
	default:
		b.WriteString(n.Value)
	}
	return nil
}

// printable tells what YAML takes unescaped beside JSON's own rules (YAML 1.2,
// section 5.1): JSON lets stand what would not load again.
func printable(r rune) bool {
	switch {
	case r >= 0x7f && r <= 0x9f, r == '\ufeff', r == '\ufffe', r == '\uffff':
		return false
	}
	return true
}
