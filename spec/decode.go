package spec

import (
	"encoding"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// decoder fills a Config from nodes, guided by the types' tags:
//
//	yaml  the key
//	is    what kind of word a text is, see wordOf
//	keys  what kind of word a map's keys are
//	min, max, over  bounds of a number, inclusive, inclusive and exclusive
//	open  the value may be "unlimited", see openLimit
//
// It goes on after a fault, and leaves the value unset.
type decoder struct {
	faults  Faults
	places  map[string]Place // of all values, by path; nil to not keep them
	beside  map[string]bool  // the paths of keys that name a file beside this one, see isBeside
	partial bool             // the node is one of several files: what it lacks may stand in another
}

// nodeDecoder is a type that is written in more than one form.
type nodeDecoder interface {
	decodeNode(d *decoder, n *node, path string)
}

func (d *decoder) fault(p Place, path, format string, args ...any) {
	d.faults = append(d.faults, Fault{Place: p, Path: path, Message: fmt.Sprintf(format, args...)})
}

func (d *decoder) config(root *node) *Config {
	c := &Config{}
	if root != nil && root.kind != nullNode {
		d.value(root, "", reflect.ValueOf(c).Elem(), "")
	}
	return c
}

// value fills v from n, and tells whether it could.
func (d *decoder) value(n *node, path string, v reflect.Value, tag reflect.StructTag) bool {
	if n.broken {
		return false
	}
	if d.places != nil && path != "" && d.places[path].Line == 0 {
		d.places[path] = n.place
	}
	if v.Kind() == reflect.Pointer {
		if n.kind == nullNode {
			return true // unset
		}
		elem := reflect.New(v.Type().Elem())
		if !d.value(n, path, elem.Elem(), tag) {
			return false
		}
		v.Set(elem)
		return true
	}
	if tag.Get("open") != "" && n.kind == scalarNode && isUnlimited(n.text) {
		openLimit(v)
		return true
	}
	switch u := v.Addr().Interface().(type) {
	case nodeDecoder:
		before := len(d.faults)
		u.decodeNode(d, n, path)
		return len(d.faults) == before
	case encoding.TextUnmarshaler:
		if !d.scalar(n, path) {
			return false
		}
		if err := u.UnmarshalText([]byte(n.text)); err != nil {
			d.fault(n.place, path, "%v", err)
			return false
		}
		return d.bounds(n, path, v, tag)
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, path, v)
		return true // its good keys count
	case reflect.Map:
		d.mapping(n, path, v, tag)
		return true
	case reflect.Slice:
		return d.list(n, path, v, tag)
	case reflect.Bool:
		return d.boolean(n, path, v)
	case reflect.String:
		return d.text(n, path, v, tag)
	}
	return d.number(n, path, v, tag)
}

func (d *decoder) structure(n *node, path string, v reflect.Value) {
	if !d.kind(n, path, mappingNode) {
		return
	}
	fields := fieldsOf(v.Type())
	for _, e := range n.keys {
		i, known := fields[e.name]
		if !known {
			if path != "" || !strings.HasPrefix(e.name, "x-") {
				d.fault(e.place, join(path, e.name), "%s", unknownKey(e.name, v.Type()))
			}
			continue
		}
		d.child(e, join(path, e.name), v.Field(i), v.Type().Field(i).Tag)
	}
}

// child notes the place of a key: of its value where that is a single one, else
// of the key, because a mapping begins on the next line.
func (d *decoder) child(e entry, path string, v reflect.Value, tag reflect.StructTag) {
	if d.places != nil && e.value.kind != scalarNode {
		d.places[path] = e.place
	}
	if e.value.kind == nullNode {
		return
	}
	d.value(e.value, path, v, tag)
}

func (d *decoder) mapping(n *node, path string, v reflect.Value, tag reflect.StructTag) {
	if !d.kind(n, path, mappingNode) {
		return
	}
	check := wordOf(tag.Get("keys"))
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range n.keys {
		if err := check.check(e.name); err != nil {
			d.fault(e.place, join(path, e.name), "%v", err)
			continue
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		if elem.Kind() == reflect.Pointer {
			elem.Set(reflect.New(elem.Type().Elem())) // a service without a word is there, too
		}
		before := len(d.faults)
		d.child(e, join(path, e.name), reflect.Indirect(elem), "")
		// A service with a fault in it is there, a limit is not.
		isUnit := elem.Kind() != reflect.Pointer
		if isUnit && (len(d.faults) > before || e.value.kind == nullNode) {
			continue
		}
		v.SetMapIndex(reflect.ValueOf(e.name), elem)
	}
}

func (d *decoder) list(n *node, path string, v reflect.Value, tag reflect.StructTag) bool {
	if !d.kind(n, path, listNode) {
		return false
	}
	list := reflect.MakeSlice(v.Type(), 0, len(n.items))
	for i, item := range n.items {
		at := path + "[" + strconv.Itoa(i) + "]"
		elem := reflect.New(v.Type().Elem()).Elem()
		if item.kind == nullNode && !item.broken {
			d.fault(item.place, at, `the item is empty; write "" for an empty text`)
		} else if d.value(item, at, elem, tag) {
			list = reflect.Append(list, elem)
		}
	}
	v.Set(list)
	return true
}

func (d *decoder) boolean(n *node, path string, v reflect.Value) bool {
	if !d.scalar(n, path) {
		return false
	}
	switch n.text {
	case "true", "True", "TRUE": // YAML 1.2, section 10.3.2
		v.SetBool(true)
	case "false", "False", "FALSE":
		v.SetBool(false)
	default:
		d.fault(n.place, path, "cannot read %s as true or false", quote(n.text))
		return false
	}
	return true
}

func (d *decoder) text(n *node, path string, v reflect.Value, tag reflect.StructTag) bool {
	if !d.scalar(n, path) {
		return false
	}
	err := noNUL(n.text)
	if err == nil {
		err = wordOf(tag.Get("is")).check(n.text)
	}
	if err != nil {
		d.fault(n.place, path, "%v", err)
		return false
	}
	v.SetString(n.text)
	if tag.Get("is") == "profile" && isBeside(n.text) {
		whole, err := filepath.Abs(filepath.Join(filepath.Dir(n.place.File), n.text))
		if err != nil {
			d.fault(n.place, path, "cannot find %s: %v", quote(n.text), err)
			return false
		}
		v.SetString(whole)
		if d.beside != nil {
			d.beside[path] = true
		}
	}
	return true
}

// isBeside: a path from the folder of the configuration file on, wherever the
// command is run. What it names belongs to the configuration, and is checked
// without a host too.
func isBeside(s string) bool { return strings.HasPrefix(s, "./") || strings.HasPrefix(s, "../") }

// noNUL: a text that goes to the kernel ends at its first NUL.
func noNUL(s string) error {
	if strings.ContainsRune(s, 0) {
		return fmt.Errorf("cannot use %s: it holds a NUL byte", quote(s))
	}
	return nil
}

func (d *decoder) scalar(n *node, path string) bool { return d.kind(n, path, scalarNode) }

func (d *decoder) kind(n *node, path string, want nodeKind) bool {
	if n.kind == want {
		return true
	}
	found := n.kind.String()
	if n.kind == scalarNode {
		found = quote(n.text)
	}
	d.fault(n.place, path, "cannot use %s here: expected %s", found, want)
	return false
}

// fieldsOf maps a struct's keys to the fields' indices.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			fields[key] = i
		}
	}
	return fields
}

// join is a path with one more key; a key that could be taken for several, or
// that does not fit on one line, stands in quotes.
func join(path, key string) string {
	if quoted := quote(key); key == "" || strings.ContainsAny(key, ". []") || len(quoted) != len(key)+2 {
		key = quoted
	}
	if path == "" {
		return key
	}
	return path + "." + key
}
