// Package printable keeps what others wrote from steering the terminal of who
// reads it: control characters, with which a terminal's escape sequences begin,
// become full stops.
package printable

import "strings"

// Line is a text for one line: neither does a line end in it stay.
func Line(text string) string { return clean(text, false) }

// Text is a text of several lines.
func Text(text string) string { return clean(text, true) }

func clean(text string, lines bool) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' && lines:
			return r
		case r == '\t':
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0: // C0, delete, C1 (ECMA-48)
			return '.'
		case r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return '.' // they turn the direction of what follows
		}
		return r
	}, strings.ToValidUTF8(text, "."))
}
