package spec

import (
	"reflect"
	"strings"

	"blackhole/internal/nearest"
)

// unknownKey says what is wrong with a key that a struct does not have: the
// nearest key, or the place where a key of that very name belongs, or all keys.
func unknownKey(name string, t reflect.Type) string {
	keys := keysOf(t)
	message := "unknown key " + quote(name)
	if inside := belongs(name, t); inside != "" {
		return message + ", did you mean " + quote(inside) + "?"
	}
	near := nearestWord(name, keys)
	if near == "" {
		near = belongs(nearestWord(name, keysBelow(t)), t)
	}
	if near != "" {
		return message + ", did you mean " + quote(near) + "?"
	}
	return message + ", use " + orList(keys)
}

// belongs finds a key one level further down: user is security.user.
func belongs(name string, t reflect.Type) string {
	for i := range t.NumField() {
		field := t.Field(i)
		if key := field.Tag.Get("yaml"); key != "" && field.Type.Kind() == reflect.Struct {
			if _, ok := fieldsOf(field.Type)[name]; ok {
				return key + "." + name
			}
		}
	}
	return ""
}

// keysOf lists a struct's keys in their order.
func keysOf(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if key := t.Field(i).Tag.Get("yaml"); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// keysBelow lists the keys one level further down.
func keysBelow(t reflect.Type) []string {
	var keys []string
	for i := range t.NumField() {
		if below := t.Field(i).Type; below.Kind() == reflect.Struct {
			keys = append(keys, keysOf(below)...)
		}
	}
	return keys
}

// nearestWord is the word that most likely was meant, empty where none is near: one
// with few letters wrong, or the same but for - and _, or one of which s is the
// beginning or the end.
func nearestWord(s string, words []string) string {
	const longest = 64 // a word that was meant is not longer
	if len(s) > longest || s == "" {
		return ""
	}
	plain := func(s string) string {
		return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s))
	}
	for _, w := range words {
		if plain(s) == plain(w) {
			return w
		}
	}
	if near := nearest.Word(s, words); near != "" {
		return near
	}
	const telling = 3 // letters below which a beginning says nothing
	low := strings.ToLower(s)
	for _, w := range words {
		known := strings.ToLower(w)
		if len(s) >= telling && (strings.HasPrefix(known, low) || strings.HasSuffix(known, "_"+low)) {
			return w
		}
	}
	return ""
}
