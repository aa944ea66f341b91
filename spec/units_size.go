package spec

import (
	"fmt"
	"strconv"
	"strings"

	"blackhole/internal/bytesize"
)

// UnmarshalText reads a number of bytes: 512M, 1.5Gi, 10MB or 4096.
func (s *Size) UnmarshalText(text []byte) error {
	n, err := bytesize.Parse(string(text))
	if err != nil {
		return bad(string(text), "a size", err.Error())
	}
	*s = Size(n)
	return nil
}

// String is the shortest exact form: 512M, 10MB, 4095.
func (s Size) String() string { return bytesize.Format(int64(s)) }

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
	n, err := bytesize.ParseRate(string(text))
	if err != nil {
		return bad(string(text), "a rate", err.Error())
	}
	*r = Rate(n)
	return nil
}

// String is the shortest exact form: 10M, 200MB, 100mbit, 1234.
func (r Rate) String() string { return bytesize.FormatRate(int64(r)) }

// MarshalText is String.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

func (Rate) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 0,
		"pattern":  `^[0-9]+(\.[0-9]+)?([kKmMgGtT]([iI]?[bB]?)?|[bB]|[kKmMgG][bB][iI][tT])?$`,
		"examples": []any{"100M", "100mbit", "10MB"},
	}
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
