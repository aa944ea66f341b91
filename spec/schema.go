package spec

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
)

// schemer is a type that says itself what a JSON schema says of it. Each
// fragment has a "type".
type schemer interface{ schema() map[string]any }

// Schema is the JSON Schema (draft 2020-12) of a configuration file, for
// editors. It is generated from the types, and no stricter than Parse but for
// this: numbers and booleans are not in quotes. See
// https://json-schema.org/draft/2020-12.
func Schema() ([]byte, error) {
	g := schemaGenerator{defs: map[string]any{}}
	root := g.structure(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Blackhole configuration"
	root["patternProperties"] = map[string]any{"^x-": map[string]any{"description": "not read: for anchors and other tools"}}
	root["$defs"] = g.defs
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	err := e.Encode(root)
	return b.Bytes(), err
}

type schemaGenerator struct{ defs map[string]any }

// of is what the schema says of one key. Every key may be null, which is unset.
func (g schemaGenerator) of(t reflect.Type, tag reflect.StructTag) map[string]any {
	s := nullable(opened(g.value(t, tag), tag))
	if doc := tag.Get("doc"); doc != "" {
		s["description"] = doc
	}
	return s
}

func (g schemaGenerator) value(t reflect.Type, tag reflect.StructTag) map[string]any {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if unit, ok := reflect.Zero(t).Interface().(schemer); ok {
		return bounded(unit.schema(), tag)
	}
	switch t.Kind() {
	case reflect.Struct:
		if _, done := g.defs[t.Name()]; !done {
			g.defs[t.Name()] = nil // before its fields
			g.defs[t.Name()] = g.structure(t)
		}
		return map[string]any{"$ref": "#/$defs/" + t.Name()}
	case reflect.Map:
		keys := wordOf(tag.Get("keys")).schema()
		delete(keys, "type") // names are texts
		return map[string]any{
			"type": "object", "propertyNames": keys,
			"additionalProperties": nullable(g.value(t.Elem(), "")),
		}
	case reflect.Slice:
		return map[string]any{"type": "array", "items": g.value(t.Elem(), tag)}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return wordOf(tag.Get("is")).schema()
	}
	s := bounded(map[string]any{"type": "integer"}, tag)
	low, high := bounds(t, tag)
	s["minimum"], s["maximum"] = json.Number(low), json.Number(high)
	return s
}

func (g schemaGenerator) structure(t reflect.Type) map[string]any {
	properties := map[string]any{}
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			properties[key] = g.of(t.Field(i).Type, t.Field(i).Tag)
		}
	}
	return map[string]any{
		"type":                 []any{"object", "null"},
		"properties":           properties,
		"additionalProperties": false,
	}
}

// schema of a word: one that is any text is written as a number or boolean, too.
func (w word) schema() map[string]any {
	switch {
	case w.words != nil:
		list := make([]any, len(w.words))
		for i, word := range w.words {
			list[i] = word
		}
		return map[string]any{"type": "string", "enum": list}
	case w.pattern != "":
		return map[string]any{"type": "string", "pattern": w.pattern}
	}
	return map[string]any{"type": []any{"string", "number", "boolean"}}
}

// bounded adds the tags min, max and over.
func bounded(s map[string]any, tag reflect.StructTag) map[string]any {
	for name, keyword := range map[string]string{"min": "minimum", "max": "maximum", "over": "exclusiveMinimum"} {
		if v := tag.Get(name); v != "" {
			if _, err := strconv.Atoi(v); err == nil {
				s[keyword] = json.Number(v)
			}
		}
	}
	return s
}

// opened adds the words that lift a limit, see isUnlimited.
func opened(s map[string]any, tag reflect.StructTag) map[string]any {
	if tag.Get("open") == "" {
		return s
	}
	const words = `^(unlimited|max)$`
	if pattern, ok := s["pattern"].(string); ok {
		s["pattern"] = words + "|" + pattern
		return s
	}
	s["type"], s["pattern"] = []any{s["type"], "string"}, words
	return s
}

// nullable lets a value be null beside what its fragment says.
func nullable(s map[string]any) map[string]any {
	switch t := s["type"].(type) {
	case string:
		s["type"] = []any{t, "null"}
	case []any:
		s["type"] = append(append([]any{}, t...), "null")
	}
	if words, ok := s["enum"].([]any); ok {
		s["enum"] = append(append([]any{}, words...), nil)
	}
	return s
}
