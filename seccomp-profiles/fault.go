package profiles

import (
	"fmt"
	"strings"

	"blackhole/internal/nearest"
)

// fault is one thing that is wrong in a profile. Line and column count from 1,
// columns in bytes.
type fault struct {
	line, column int
	path         string // syscalls[3].names[0]; empty for the whole file
	message      string
}

func (f fault) String() string {
	place := fmt.Sprintf("%d:%d: ", f.line, f.column)
	if f.path != "" {
		place += f.path + ": "
	}
	return place + f.message
}

type faults []fault

// shownFaults bounds an error's line: a file in another format is wrong everywhere.
const shownFaults = 8

// Error is one line.
func (f faults) Error() string {
	var b strings.Builder
	for i, one := range f {
		if i == shownFaults {
			fmt.Fprintf(&b, "; and %d more", len(f)-i)
			break
		}
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(one.String())
	}
	return b.String()
}

// didYouMean is the hint for a mistyped word.
func didYouMean[T ~string](word string, known []T) string {
	words := make([]string, len(known))
	for i, k := range known {
		words[i] = string(k)
	}
	if n := nearest.Word(word, words); n != "" {
		return fmt.Sprintf(" (did you mean %q?)", n)
	}
	return ""
}
