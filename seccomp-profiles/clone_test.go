package profiles

import (
	"reflect"
	"testing"
)

// What a caller does to a built-in profile is not in the next one's.
func TestLoadCopies(t *testing.T) {
	for _, name := range []string{Default, Strict} {
		want, err := readBuiltIn(name)
		if err != nil {
			t.Fatal(err)
		}
		p, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(p, want) {
			t.Errorf("%s: a copy differs from what was read", name)
		}
		overwrite(reflect.ValueOf(p))
		again, err := Load(name)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(again, want) {
			t.Errorf("%s: what one caller changed is in the next one's copy", name)
		}
	}
}

// overwrite empties everything that can be reached.
func overwrite(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			overwrite(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			overwrite(v.Field(i))
		}
	case reflect.Slice:
		for i := range v.Len() {
			overwrite(v.Index(i))
		}
	default:
		v.SetZero()
	}
}
