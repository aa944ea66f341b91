package spec

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// unit is a suffix and what one of it counts for.
type unit struct {
	suffix string
	factor uint64
}

func binaryUnits() []unit {
	return []unit{{"T", 1 << 40}, {"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}}
}

func decimalUnits() []unit {
	return []unit{{"TB", 1e12}, {"GB", 1e9}, {"MB", 1e6}, {"KB", 1e3}}
}

// Bits a second are powers of 1000 and an eighth of a byte, as tc(8) has them.
func bitUnits() []unit {
	return []unit{{"gbit", 1e9 / 8}, {"mbit", 1e6 / 8}, {"kbit", 1e3 / 8}}
}

const (
	sizeForms = "use K, M, G, T or Ki, Mi, Gi, Ti (powers of 1024), KB, MB, GB, TB (powers of 1000), or bytes without a unit"
	rateForms = "use K, M, G, T or Ki, Mi, Gi, Ti (powers of 1024), KB, MB, GB, TB (powers of 1000), kbit, mbit, gbit, or bytes without a unit"
)

// UnmarshalText reads a number of bytes: 512M, 1.5Gi, 10MB or 4096.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := parseAmount(string(text), "a size", sizeForms, false)
	if err == nil {
		*s = Size(n)
	}
	return err
}

// String is the shortest exact form: 512M, 10MB, 4095.
func (s Size) String() string {
	return formatAmount(int64(s), binaryUnits(), decimalUnits())
}

// MarshalText is String.
func (s Size) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

func (Size) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 0,
		"pattern":  `^[0-9]+(\.[0-9]+)?([kKmMgGtT]([iI]?[bB]?)?|[bB])?$`,
		"examples": []any{"512M", "1.5Gi", "10MB", 4096},
	}
}

// UnmarshalText reads bytes a second, in the units of Size, or bits a second:
// 100mbit.
func (r *Rate) UnmarshalText(text []byte) error {
	n, err := parseAmount(string(text), "a rate", rateForms, true)
	if err == nil {
		*r = Rate(n)
	}
	return err
}

// String is the shortest exact form: 10M, 200MB, 100mbit, 1234.
func (r Rate) String() string {
	return formatAmount(int64(r), binaryUnits(), bitUnits(), decimalUnits())
}

// MarshalText is String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (Rate) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 0,
		"pattern":  `^[0-9]+(\.[0-9]+)?([kKmMgGtT]([iI]?[bB]?)?|[bB]|[kKmMgG][bB][iI][tT])?$`,
		"examples": []any{"100M", "100mbit", "10MB"},
	}
}

// parseAmount reads NUMBER[UNIT] into a whole number of bytes, without the
// detour over a float that would round large values. A fraction is cut to
// whole bytes.
func parseAmount(text, what, forms string, rate bool) (int64, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	number, suffix := text[:end], text[end:]
	switch {
	case text == "":
		return 0, bad(text, what, "it is empty")
	case text[0] == '-':
		return 0, bad(text, what, "it is negative")
	case number == "":
		return 0, bad(text, what, "it does not begin with a number")
	}
	factor, ok := factorOf(suffix, rate)
	if !ok {
		return 0, bad(text, what, "unknown unit "+quote(suffix)+", "+forms)
	}
	n, err := scale(number, factor)
	if err != nil {
		return 0, bad(text, what, err.Error())
	}
	return n, nil
}

// factorOf is what one of a unit counts for, in bytes. Case does not matter:
// 512m is as common as 512M.
func factorOf(suffix string, rate bool) (uint64, bool) {
	s := strings.ToUpper(suffix)
	if s == "" || s == "B" {
		return 1, true
	}
	for _, u := range binaryUnits() {
		if s == u.suffix || s == u.suffix+"I" || s == u.suffix+"IB" {
			return u.factor, true
		}
	}
	for _, u := range decimalUnits() {
		if s == u.suffix {
			return u.factor, true
		}
	}
	if rate {
		for _, u := range bitUnits() {
			if s == strings.ToUpper(u.suffix) {
				return u.factor, true
			}
		}
	}
	return 0, false
}

// scale is number × factor for a decimal number with or without a fraction.
func scale(number string, factor uint64) (int64, error) {
	const maxDigits = 18 // of the fraction; what 10^18 × factor needs fits 128 bits
	whole, fraction, hasFraction := strings.Cut(number, ".")
	if whole == "" || hasFraction && (fraction == "" || strings.Contains(fraction, ".")) {
		return 0, fmt.Errorf("%s is not a number", quote(number))
	}
	if hasFraction && factor == 1 {
		return 0, fmt.Errorf("there is no part of a byte")
	}
	w, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("it is too large")
	}
	hi, total := bits.Mul64(w, factor)
	if len(fraction) > maxDigits {
		fraction = fraction[:maxDigits]
	}
	if fraction != "" {
		f, err := strconv.ParseUint(fraction, 10, 64)
		if err != nil {
			return 0, err // digits alone, 18 at most: cannot happen
		}
		fhi, flo := bits.Mul64(f, factor)
		part, _ := bits.Div64(fhi, flo, uint64(math.Pow10(len(fraction)))) // quotient < factor
		var carry uint64
		total, carry = bits.Add64(total, part, 0)
		hi += carry
	}
	if hi != 0 || total > math.MaxInt64 {
		return 0, fmt.Errorf("it is too large")
	}
	return int64(total), nil
}

// formatAmount is the shortest form with a unit that is exact, and the first of
// several; without a unit where none divides n.
func formatAmount(n int64, units ...[]unit) string {
	shortest := ""
	if n > 0 {
		for _, u := range slices.Concat(units...) {
			if uint64(n)%u.factor != 0 {
				continue
			}
			if s := strconv.FormatUint(uint64(n)/u.factor, 10) + u.suffix; shortest == "" || len(s) < len(shortest) {
				shortest = s
			}
		}
	}
	return or(shortest, strconv.FormatInt(n, 10))
}

// bad is the one form of "this value is not that kind of thing".
func bad(text, what, why string) error {
	return fmt.Errorf("cannot read %s as %s: %s", quote(text), what, why)
}

// quote is a value as it stands in a message: on one line, and cut where it is
// long, because a message is for a person.
func quote(text string) string {
	const longest = 80
	if len(text) > longest {
		cut := strings.ToValidUTF8(text[:longest], "")
		return strconv.Quote(cut) + "…"
	}
	return strconv.Quote(text)
}
