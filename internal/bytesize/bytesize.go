// Package bytesize reads and writes amounts of bytes as people write them: 512M,
// 1.5Gi, 10MB, and 100mbit where it is a rate.
package bytesize

import (
	"cmp"
	"errors"
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

// Forms are the units that Parse takes, as messages say them.
const Forms = "use K, M, G, T or Ki, Mi, Gi, Ti (powers of 1024), KB, MB, GB, TB (powers of 1000), or bytes without a unit"

const rateForms = "use K, M, G, T or Ki, Mi, Gi, Ti (powers of 1024), KB, MB, GB, TB (powers of 1000), kbit, mbit, gbit, or bytes without a unit"

// Parse reads a number of bytes: 512M, 1.5Gi, 10MB or 4096. Its errors say why it is
// none, and leave it to the caller to quote the text.
func Parse(text string) (int64, error) { return parse(text, Forms, false) }

// ParseRate reads bytes a second, in the units of Parse, or bits a second: 100mbit.
func ParseRate(text string) (int64, error) { return parse(text, rateForms, true) }

// Format is the shortest exact form of a number of bytes: 512M, 10MB, 4095.
func Format(n int64) string { return format(n, binaryUnits(), decimalUnits()) }

// FormatRate is that of bytes a second: 10M, 200MB, 100mbit, 1234.
func FormatRate(n int64) string { return format(n, binaryUnits(), bitUnits(), decimalUnits()) }

// parse reads NUMBER[UNIT] into a whole number of bytes, without the
// detour over a float that would round large values. A fraction is cut to
// whole bytes.
func parse(text, forms string, rate bool) (int64, error) {
	end := strings.IndexFunc(text, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end < 0 {
		end = len(text)
	}
	number, suffix := text[:end], text[end:]
	switch {
	case text == "":
		return 0, errors.New("it is empty")
	case text[0] == '-':
		return 0, errors.New("it is negative")
	case number == "":
		return 0, errors.New("it does not begin with a number")
	}
	factor, ok := factorOf(suffix, rate)
	if !ok {
		return 0, unknown(suffix, forms)
	}
	return scale(number, factor)
}

// Unit is what one of a unit of sizes counts for, in bytes. Case does not matter:
// 512m is as common as 512M.
func Unit(suffix string) (factor uint64, err error) {
	factor, ok := factorOf(suffix, false)
	if !ok {
		return 0, unknown(suffix, Forms)
	}
	return factor, nil
}

func unknown(suffix, forms string) error {
	return errors.New("unknown unit " + quote(suffix) + ", " + forms)
}

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
		return 0, errors.New(quote(number) + " is not a number")
	}
	if hasFraction && factor == 1 {
		return 0, errors.New("there is no part of a byte")
	}
	w, err := strconv.ParseUint(whole, 10, 64)
	if err != nil {
		return 0, errors.New("it is too large")
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
		return 0, errors.New("it is too large")
	}
	return int64(total), nil
}

// format is the shortest form with a unit that is exact, and the first of
// several; without a unit where none divides n.
func format(n int64, units ...[]unit) string {
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
	return cmp.Or(shortest, strconv.FormatInt(n, 10))
}

// quote is a part of the text as it stands in a message: on one line, and cut where
// it is long.
func quote(text string) string {
	const longest = 80
	if len(text) > longest {
		return strconv.Quote(strings.ToValidUTF8(text[:longest], "")) + "…"
	}
	return strconv.Quote(text)
}
