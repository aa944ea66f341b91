package recommend

import (
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// WriteYAML writes a configuration file of the limits alone, to be read after
// the one that has the services.
func WriteYAML(w io.Writer, services []*Service, headroom float64) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Limits from recorded use, with %.4g %% of headroom.\nservices:\n", 100*headroom)
	for _, s := range services {
		fmt.Fprintf(&b, "  # %s of use between %s and %s UTC\n", Span(s.Seconds), s.From.Format(minute), s.To.Format(minute))
		for _, note := range s.Notes {
			fmt.Fprintf(&b, "  # note: %s\n", note)
		}
		fmt.Fprintf(&b, "  %s:\n    resources:", quoted(s.Name))
		if len(s.Limits) == 0 {
			b.WriteString(" {}")
		}
		b.WriteByte('\n')
		var open []string
		for _, l := range s.Limits {
			keys := strings.Split(l.Key, ".")
			same := 0
			for same < len(open) && same < len(keys)-1 && open[same] == keys[same] {
				same++
			}
			open = keys[:len(keys)-1]
			for depth := same; depth < len(open); depth++ {
				fmt.Fprintf(&b, "%s%s:\n", indent(depth), open[depth])
			}
			fmt.Fprintf(&b, "%s%s: %s # %s\n", indent(len(open)), keys[len(keys)-1], l.Value, l.comment(s.Seconds))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// quoted writes a name so that no YAML version reads it as something else.
func quoted(name string) string {
	switch strings.ToLower(name) {
	case "true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf":
		return strconv.Quote(name)
	}
	if c := name[0] | 0x20; c < 'a' || c > 'z' {
		return strconv.Quote(name)
	}
	return name
}

func indent(depth int) string { return strings.Repeat("  ", depth+3) }

const minute = "2006-01-02 15:04"

func (l *Limit) comment(seconds float64) string {
	text := fmt.Sprintf("p95 of %s: %s, p99 %s, peak %s on %s", Span(seconds), amount(l.P95, l.Unit), amount(l.P99, l.Unit),
		amount(l.Peak, l.Unit), l.PeakAt.Format(minute))
	if l.Reason != "" {
		text += "; " + l.Reason
	}
	return text
}

func clock(at int64) string { return time.Unix(at, 0).UTC().Format(minute) }

// Span writes seconds in the unit that fits.
func Span(seconds float64) string {
	switch {
	case seconds < 120:
		return fmt.Sprintf("%.0f s", seconds)
	case seconds < 2*3600:
		return fmt.Sprintf("%.0f min", seconds/60)
	}
	return fmt.Sprintf("%.0f h", seconds/3600)
}

func amount(v float64, unit string) string {
	switch unit {
	case "bytes":
		return bytesText(v)
	case "bytes/s":
		return bytesText(v) + "/s"
	case "cores":
		return fmt.Sprintf("%.3g", v)
	case "operations/s":
		return fmt.Sprintf("%.0f/s", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// bytesText writes bytes for people.
func bytesText(v float64) string {
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	i := 0
	for ; v >= 1024 && i < len(units)-1; i++ {
		v /= 1024
	}
	if v < 10 && i > 0 {
		return fmt.Sprintf("%.1f %s", v, units[i])
	}
	return fmt.Sprintf("%.0f %s", v, units[i])
}

// sizeValue writes bytes as a configuration has them, exactly.
func sizeValue(v float64) string {
	n := int64(math.Round(v))
	for i, unit := range []string{"T", "G", "M", "K"} {
		if one := int64(1) << (40 - 10*i); n > 0 && n%one == 0 {
			return fmt.Sprintf("%d%s", n/one, unit)
		}
	}
	return fmt.Sprint(n)
}
