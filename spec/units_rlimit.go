package spec

import (
	"errors"
	"math/bits"
	"reflect"
	"strconv"
	"strings"

	"blackhole/internal/bytesize"
)

const unlimited = "unlimited"

// decodeNode reads one value for both limits, or {soft: …, hard: …}.
func (r *Rlimit) decodeNode(d *decoder, n *node, path string) {
	if n.kind == scalarNode {
		v, err := parseRlimit(n.text)
		if err != nil {
			d.fault(n.place, path, "%v", err)
			return
		}
		*r = Rlimit{v, v}
		return
	}
	if n.kind != mappingNode {
		d.fault(n.place, path, "cannot use %s here: expected one value, or {soft: …, hard: …}", n.kind)
		return
	}
	found := map[string]bool{}
	for _, e := range n.keys {
		at := join(path, e.name)
		out := map[string]*uint64{"soft": &r.Soft, "hard": &r.Hard}[e.name]
		if out == nil {
			d.fault(e.place, at, "%s", unknownKey(e.name, reflect.TypeFor[rlimitKeys]()))
			continue
		}
		if e.value.kind == nullNode && !e.value.broken {
			continue
		}
		found[e.name] = true
		if d.places != nil {
			d.places[at] = e.value.place
		}
		if e.value.broken || !d.scalar(e.value, at) {
			continue
		}
		v, err := parseRlimit(e.value.text)
		if err != nil {
			d.fault(e.value.place, at, "%v", err)
		}
		*out = v
	}
	for _, name := range []string{"soft", "hard"} {
		if !found[name] && !d.partial {
			d.fault(n.place, path, "cannot set one limit alone: %s is missing", name)
		}
	}
}

// rlimitKeys is the long form, for the messages and the schema.
type rlimitKeys struct {
	Soft *uint64 `yaml:"soft" doc:"what a process gets"`
	Hard *uint64 `yaml:"hard" doc:"up to which it may raise its own soft limit"`
}

// parseRlimit takes the units of Size, because most resource limits are bytes.
func parseRlimit(s string) (uint64, error) {
	const what = "a resource limit"
	switch {
	case s == unlimited || s == "infinity":
		return Infinity, nil
	case s == "":
		return 0, bad(s, what, "it is empty")
	case s[0] == '-':
		return 0, bad(s, what, "it is negative; no limit is "+unlimited)
	}
	number := strings.TrimRight(s, "kKmMgGtTiIbB")
	if !digits(number) {
		return 0, bad(s, what, "use a whole number, with K, M, G or T where it is bytes, or "+unlimited)
	}
	factor, err := bytesize.Unit(s[len(number):])
	if err != nil {
		return 0, bad(s, what, err.Error())
	}
	n, err := strconv.ParseUint(number, 10, 64)
	hi, lo := bits.Mul64(n, factor)
	if err != nil || hi != 0 || lo == Infinity {
		return 0, bad(s, what, "it is too large; no limit is "+unlimited)
	}
	return lo, nil
}

func formatRlimit(v uint64) string {
	if v == Infinity {
		return unlimited
	}
	return strconv.FormatUint(v, 10)
}

// String is one value, or soft:hard as systemd writes it.
func (r Rlimit) String() string {
	if r.Soft == r.Hard {
		return formatRlimit(r.Soft)
	}
	return formatRlimit(r.Soft) + ":" + formatRlimit(r.Hard)
}

func (Rlimit) schema() map[string]any {
	value := func() map[string]any {
		return map[string]any{
			"type": []any{"integer", "string"}, "minimum": 0,
			"pattern": `^(unlimited|infinity|[0-9]+([kKmMgGtT]([iI]?[bB]?)?|[bB])?)$`,
		}
	}
	one := value()
	one["type"] = []any{"integer", "string", "object"}
	one["properties"] = map[string]any{"soft": value(), "hard": value()}
	one["required"] = []any{"soft", "hard"}
	one["additionalProperties"] = false
	one["examples"] = []any{0, unlimited, map[string]any{"soft": "64K", "hard": "1M"}}
	return one
}

// decodeNode reads a mapping, or a list of NAME=value.
func (e *Environment) decodeNode(d *decoder, n *node, path string) {
	env := Environment{}
	set := func(p Place, at, name, value string) {
		_, twice := env[name]
		err := noNUL(name + value)
		switch {
		case err != nil:
		case name == "":
			err = errors.New("cannot set a variable without a name")
		case strings.Contains(name, "="):
			err = errors.New("cannot use " + quote(name) + ` as a variable's name: it contains "="`)
		case twice:
			err = errors.New("cannot set " + quote(name) + " twice")
		}
		if err != nil {
			d.fault(p, at, "%v", err)
			return
		}
		env[name] = value
	}
	switch n.kind {
	case mappingNode:
		for _, entry := range n.keys {
			at := join(path, entry.name)
			if entry.value.broken {
				continue
			}
			if entry.value.kind == nullNode {
				d.fault(entry.place, at, `the variable has no value; write "" for an empty one`)
			} else if d.scalar(entry.value, at) {
				set(entry.place, at, entry.name, entry.value.text)
			}
		}
	case listNode:
		for i, item := range n.items {
			at := path + "[" + strconv.Itoa(i) + "]"
			if item.broken || !d.scalar(item, at) {
				continue
			}
			name, value, ok := strings.Cut(item.text, "=")
			if !ok {
				d.fault(item.place, at, "cannot read %s as a variable: write NAME=value", quote(item.text))
				continue
			}
			set(item.place, at, name, value)
		}
	default:
		d.fault(n.place, path, "cannot use %s here: expected NAME: value, or a list of NAME=value", quote(n.text))
	}
	*e = env
}

func (Environment) schema() map[string]any {
	return map[string]any{
		"type":                 []any{"object", "array"},
		"propertyNames":        map[string]any{"pattern": `^[^=]+$`},
		"additionalProperties": map[string]any{"type": []any{"string", "number", "boolean"}},
		"items":                map[string]any{"type": "string", "pattern": `^[^=]+=`},
	}
}
