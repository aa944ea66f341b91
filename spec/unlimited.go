package spec

import (
	"math"
	"reflect"
)

// isUnlimited: the word that lifts a limit of the defaults from one service, as
// it is written in the file, or as the kernel's files have it.
func isUnlimited(text string) bool { return text == unlimited || text == "max" }

// openLimit sets a limit that was written as "unlimited": to the largest value,
// so that it stays apart from unset, which takes the default. Service makes it
// unset once the defaults are merged in.
func openLimit(v reflect.Value) {
	switch v.Kind() {
	case reflect.Float64:
		v.SetFloat(math.Inf(1))
	default:
		v.SetInt(math.MaxInt64)
	}
}

func isOpen(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Float64:
		return math.IsInf(v.Float(), 1)
	case reflect.Int64:
		return v.Int() == math.MaxInt64
	}
	return false
}

// dropOpen makes limits that were lifted unset.
func (r *Resources) dropOpen() {
	for _, part := range []any{&r.CPU, &r.Memory, &r.Pids} {
		v := reflect.ValueOf(part).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); v.Type().Field(i).Tag.Get("open") != "" && !f.IsNil() && isOpen(f.Elem()) {
				f.SetZero()
			}
		}
	}
}
