package spec

import (
	"reflect"
	"strconv"
	"strings"
)

func (d *decoder) number(n *node, path string, v reflect.Value, tag reflect.StructTag) bool {
	if !d.scalar(n, path) {
		return false
	}
	var err error
	digit := digits(strings.TrimPrefix(n.text, "-"))
	if v.CanInt() {
		var i int64
		if i, err = strconv.ParseInt(n.text, 10, v.Type().Bits()); err == nil {
			v.SetInt(i)
		}
	} else {
		var u uint64
		if u, err = strconv.ParseUint(n.text, 10, v.Type().Bits()); err == nil {
			v.SetUint(u)
		}
	}
	switch {
	case !digit:
		d.fault(n.place, path, "cannot read %s as a whole number", quote(n.text))
		return false
	case err != nil:
		d.fault(n.place, path, "%s", outside(n.text, v.Type(), tag))
		return false
	}
	return d.bounds(n, path, v, tag)
}

// bounds checks the tags min, max and over.
func (d *decoder) bounds(n *node, path string, v reflect.Value, tag reflect.StructTag) bool {
	var x float64
	switch {
	case v.CanFloat():
		x = v.Float()
	case v.CanInt():
		x = float64(v.Int())
	case v.CanUint():
		x = float64(v.Uint())
	default:
		return true
	}
	if tag.Get("over") != "" && x <= 0 {
		d.fault(n.place, path, "cannot use %s: it must be more than 0", quote(n.text))
		return false
	}
	least, lerr := strconv.ParseFloat(tag.Get("min"), 64)
	most, merr := strconv.ParseFloat(tag.Get("max"), 64)
	if lerr == nil && x < least || merr == nil && x > most {
		d.fault(n.place, path, "%s", outside(n.text, v.Type(), tag))
		return false
	}
	return true
}

// outside says which range a number is not in. The end of a 64-bit type tells
// nobody anything.
func outside(text string, t reflect.Type, tag reflect.StructTag) string {
	low, high := bounds(t, tag)
	switch message := "cannot use " + quote(text) + ": it must be "; {
	case tag.Get("max") != "" || t.Bits() < 64:
		return message + "from " + low + " to " + high
	case text[0] == '-' || len(text) <= len(low):
		return message + "at least " + low
	}
	return "cannot use " + quote(text) + ": it is too large"
}

// bounds is the range of a number, by its tags or its type.
func bounds(t reflect.Type, tag reflect.StructTag) (low, high string) {
	low, high = tag.Get("min"), tag.Get("max")
	bits := uint(t.Bits()) //nolint:gosec // 8 to 64
	switch t.Kind() {
	case reflect.Int, reflect.Int64:
		low, high = or(low, strconv.FormatInt(-1<<(bits-1), 10)), or(high, strconv.FormatInt(1<<(bits-1)-1, 10))
	default:
		low, high = or(low, "0"), or(high, strconv.FormatUint(1<<bits-1, 10))
	}
	return low, high
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
