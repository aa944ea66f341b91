package plan

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Amount writes a figure for people: bytes in the units of the configuration
// (powers of 1024) with at most one decimal, the rest as plain numbers.
func Amount(v float64, unit string) string {
	if unit != "bytes" && unit != "bytes/s" {
		return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
	}
	suffix := strings.TrimPrefix(unit, "bytes")
	units := []string{"", "K", "M", "G", "T", "P"}
	i := 0
	for ; math.Abs(v) >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	return strings.TrimSuffix(fmt.Sprintf("%.1f", v), ".0") + units[i] + suffix
}
