package spec

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// UnmarshalText reads a number of CPUs: 2 or 0.5.
func (c *Cores) UnmarshalText(text []byte) error {
	f, err := parseDecimal(string(text), "a number of CPUs")
	if err == nil {
		*c = Cores(f)
	}
	return err
}

// String has as many digits as it takes to read the same value again.
func (c Cores) String() string { return strconv.FormatFloat(float64(c), 'f', -1, 64) }

// MarshalText is String.
func (c Cores) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

func (Cores) schema() map[string]any {
	return map[string]any{
		"type": []any{"number", "string"}, "minimum": 0,
		"pattern": `^[0-9]+(\.[0-9]+)?$`, "examples": []any{0.5, 2},
	}
}

// parseDecimal reads digits with or without a fraction. What ParseFloat takes
// beyond that (exponents, hexadecimal, inf, nan) is a slip in a configuration.
func parseDecimal(text, what string) (float64, error) {
	if text == "" {
		return 0, bad(text, what, "it is empty")
	}
	if text[0] == '-' {
		return 0, bad(text, what, "it is negative")
	}
	whole, fraction, hasFraction := strings.Cut(text, ".")
	if !digits(whole) || hasFraction && !digits(fraction) {
		return 0, bad(text, what, "it is not a decimal number")
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsInf(f, 0) {
		return 0, bad(text, what, "it is too large")
	}
	return f, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}

// UnmarshalText reads a time that the kernel takes in microseconds: 100ms, or
// 100000 for the same.
func (p *Period) UnmarshalText(text []byte) error {
	const what = "a time"
	s := string(text)
	if digits(s) {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil || n > math.MaxInt64/int64(time.Microsecond) {
			return bad(s, what, "it is too large")
		}
		*p = Period(time.Duration(n) * time.Microsecond)
		return nil
	}
	d, err := parseDuration(s, what)
	if err != nil {
		return err
	}
	if d%time.Microsecond != 0 {
		return bad(s, what, "it is not whole microseconds, and the kernel counts no finer")
	}
	*p = Period(d)
	return nil
}

// Microseconds is the value as the kernel's files have it.
func (p Period) Microseconds() int64 { return time.Duration(p).Microseconds() }

func (p Period) String() string { return formatDuration(time.Duration(p)) }

// MarshalText is String.
func (p Period) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

func (Period) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 0,
		"pattern":  `^([0-9]+|0|` + durationPattern + `)$`,
		"examples": []any{"100ms", 100000},
	}
}

// UnmarshalText reads a list of CPUs as the kernel writes it ("0-3,8"), in any
// order, and keeps it sorted and merged.
// See cpuset(7), "List format".
func (c *CPUSet) UnmarshalText(text []byte) error {
	const what = "a list of CPUs"
	s := string(text)
	if s == "" {
		return bad(s, what, "it is empty; leave cpuset out to allow every CPU")
	}
	var all []cpuRange
	for _, part := range strings.Split(s, ",") {
		r, err := parseCPURange(strings.Trim(part, " "))
		if err != nil {
			return bad(s, what, err.Error())
		}
		all = append(all, r)
	}
	*c = formatCPUs(all)
	return nil
}

type cpuRange struct{ first, last int }

// maxCPU is the highest CPU number of any Linux: NR_CPUS is 8192 at most.
const maxCPU = 8191

func parseCPURange(part string) (cpuRange, error) {
	first, last, isRange := strings.Cut(part, "-")
	if !isRange {
		last = first
	}
	var r cpuRange
	for _, end := range []struct {
		text string
		out  *int
	}{{first, &r.first}, {last, &r.last}} {
		if !digits(end.text) {
			return r, fmt.Errorf("%s is neither a CPU nor a range like 0-3", quote(part))
		}
		n, err := strconv.Atoi(end.text)
		if err != nil || n > maxCPU {
			return r, fmt.Errorf("CPU %s is above %d, the highest that Linux can have", quote(end.text), maxCPU)
		}
		*end.out = n
	}
	if r.first > r.last {
		return r, fmt.Errorf("the range %s runs backwards", quote(part))
	}
	return r, nil
}

func formatCPUs(ranges []cpuRange) CPUSet {
	slices.SortFunc(ranges, func(a, b cpuRange) int { return a.first - b.first })
	merged := ranges[:1]
	for _, r := range ranges[1:] {
		if last := &merged[len(merged)-1]; r.first <= last.last+1 {
			last.last = max(last.last, r.last)
		} else {
			merged = append(merged, r)
		}
	}
	var parts []string
	for _, r := range merged {
		part := strconv.Itoa(r.first)
		if r.last > r.first {
			part += "-" + strconv.Itoa(r.last)
		}
		parts = append(parts, part)
	}
	return CPUSet(strings.Join(parts, ","))
}

// CPUs lists the CPUs in order. The zero CPUSet has none.
func (c CPUSet) CPUs() []int {
	var cpus []int
	if c == "" {
		return nil
	}
	for _, part := range strings.Split(string(c), ",") {
		r, err := parseCPURange(part)
		if err != nil {
			return nil // not made by UnmarshalText
		}
		for n := r.first; n <= r.last; n++ {
			cpus = append(cpus, n)
		}
	}
	return cpus
}

// cpuSetOf is the list of the given CPUs.
func cpuSetOf(cpus []int) CPUSet {
	if len(cpus) == 0 {
		return ""
	}
	ranges := make([]cpuRange, len(cpus))
	for i, n := range cpus {
		ranges[i] = cpuRange{n, n}
	}
	return formatCPUs(ranges)
}

func (c CPUSet) String() string { return string(c) }

// MarshalText is String.
func (c CPUSet) MarshalText() ([]byte, error) { return []byte(c), nil }

func (CPUSet) schema() map[string]any {
	return map[string]any{
		"type": []any{"string", "integer"}, "minimum": 0, "maximum": maxCPU,
		"pattern":  `^ *[0-9]+(-[0-9]+)? *(, *[0-9]+(-[0-9]+)? *)*$`,
		"examples": []any{"0-3,8"},
	}
}
