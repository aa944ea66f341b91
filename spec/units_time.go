package spec

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// durationPattern is time.ParseDuration's grammar without a sign.
const durationPattern = `([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+(\.[0-9]*)?|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h))*`

// UnmarshalText reads a time as Go writes it: 10s, 1m30s, 250ms.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := parseDuration(string(text), "a time")
	if err == nil {
		*d = Duration(v)
	}
	return err
}

func (d Duration) String() string { return formatDuration(time.Duration(d)) }

// MarshalText is String.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

func (Duration) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 0, "maximum": 0, // the only number without a unit
		"pattern": `^(0|` + durationPattern + `)$`, "examples": []any{"10s", "1m30s", "250ms"},
	}
}

func parseDuration(s, what string) (time.Duration, error) {
	switch {
	case s == "":
		return 0, bad(s, what, "it is empty")
	case s[0] == '-':
		return 0, bad(s, what, "it is negative")
	case s[0] == '+':
		return 0, bad(s, what, "it begins with a sign")
	case digits(s) && strings.Trim(s, "0") != "":
		return 0, bad(s, what, "it has no unit, use ns, us, ms, s, m or h")
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, bad(s, what, "use a number with ns, us, ms, s, m or h, as in 1m30s")
	}
	if d < 0 { // ParseDuration of 9223372036854775808ns
		return 0, bad(s, what, "it is too large")
	}
	return d, nil
}

// formatDuration is Duration.String without its zero parts (1m0s) and with an
// "us" that every keyboard has.
func formatDuration(d time.Duration) string {
	s := strings.Replace(d.String(), "µs", "us", 1)
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// UnmarshalText reads a part of a limit, over 0 and up to 1.
func (f *Fraction) UnmarshalText(text []byte) error {
	const what = "a part"
	s := string(text)
	v, err := parseDecimal(s, what)
	if err == nil && (v <= 0 || v > 1) {
		err = errors.New("cannot use " + quote(s) + " as a part: it must be over 0 and up to 1 (80 % is 0.8)")
	}
	if err == nil {
		*f = Fraction(v)
	}
	return err
}

func (f Fraction) String() string { return strconv.FormatFloat(float64(f), 'f', -1, 64) }

// MarshalText is String.
func (f Fraction) MarshalText() ([]byte, error) { return []byte(f.String()), nil }

func (Fraction) schema() map[string]any {
	return map[string]any{
		"type": []any{"number", "string"}, "exclusiveMinimum": 0, "maximum": 1,
		"pattern": `^(0\.[0-9]+|1|1\.0+)$`, "examples": []any{0.8},
	}
}
