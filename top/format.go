package top

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// unknown is what stands for a figure that the host does not offer.
const unknown = "-"

// Bytes writes a size in at most five characters, in powers of 1024.
func Bytes(n float64) string {
	if n < 1024 {
		return fmt.Sprintf("%.0fB", n)
	}
	for _, unit := range "KMGTP" {
		n /= 1024
		switch {
		case n < 9.995:
			return fmt.Sprintf("%.2f%c", n, unit)
		case n < 99.95:
			return fmt.Sprintf("%.1f%c", n, unit)
		case n < 1023.5:
			return fmt.Sprintf("%.0f%c", n, unit)
		}
	}
	return ">1E"
}

// Count writes a number in at most five characters, in powers of 1000.
func Count(n float64) string {
	if n < 99999.5 {
		return fmt.Sprintf("%.0f", n)
	}
	for _, unit := range "kMGTP" {
		n /= 1000
		if n < 999.5 {
			return fmt.Sprintf("%.0f%c", n, unit)
		}
	}
	return ">1E"
}

// percent writes a share in at most five characters: 0.123 is 12.3.
func percent(share float64) string {
	if p := share * 100; p < 999.95 {
		return fmt.Sprintf("%.1f", p)
	}
	return Count(share * 100)
}

// wholePercent is percent without its fraction. What is not quite nothing is
// not written as nothing.
func wholePercent(share float64) string {
	if p := share * 100; p > 0 && p < 0.5 {
		return "<1"
	}
	return Count(share * 100)
}

// Ago writes a span in at most six characters.
func Ago(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}

// Fit makes a text exactly so many characters wide. Where it is cut, it ends
// with an ellipsis.
func Fit(s string, width int, left bool) string {
	n := utf8.RuneCountInString(s)
	switch {
	case n > width:
		return Cut(s, width)
	case left:
		return s + strings.Repeat(" ", width-n)
	}
	return strings.Repeat(" ", width-n) + s
}

// Cut shortens a text to a width, with an ellipsis at its end.
func Cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	if width < 1 {
		return ""
	}
	return string([]rune(s)[:width-1]) + "…"
}

// Wrap breaks a text into lines of a width, between words where it can.
func Wrap(text string, width int) (lines []string) {
	width = max(width, 10)
	for rest := []rune(text); len(rest) > 0; {
		n := min(width, len(rest))
		if n < len(rest) {
			for i := n; i > 0; i-- {
				if rest[i] == ' ' {
					n = i
					break
				}
			}
		}
		lines = append(lines, string(rest[:n]))
		rest = rest[n:]
		if len(rest) > 0 && rest[0] == ' ' {
			rest = rest[1:]
		}
	}
	return lines
}

// bars are the heights of a history line.
const bars = "▁▂▃▄▅▆▇█"

// Spark draws the last figures as bars, the newest at the right, as parts of the
// greatest among them or of least, if that is more. What is unknown is a blank.
func Spark(history []*float64, width int, least float64) string {
	if width < 1 {
		return ""
	}
	history = history[max(0, len(history)-width):]
	top := least
	for _, v := range history {
		if v != nil {
			top = max(top, *v)
		}
	}
	heights := []rune(bars)
	var b strings.Builder
	b.WriteString(strings.Repeat(" ", width-len(history)))
	for _, v := range history {
		switch {
		case v == nil:
			b.WriteByte(' ')
		case top <= 0:
			b.WriteRune(heights[0])
		default:
			i := int(*v / top * float64(len(heights)))
			b.WriteRune(heights[min(max(i, 0), len(heights)-1)])
		}
	}
	return b.String()
}
