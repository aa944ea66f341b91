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

// faults is what is wrong with one profile: the first few, and how many more. A
// file in another format is wrong everywhere.
type faults struct {
	shown []fault
	more  int
}

const shownFaults = 8

// Error is one line.
func (f *faults) Error() string {
	var b strings.Builder
	for i, one := range f.shown {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(one.String())
	}
	if f.more > 0 {
		fmt.Fprintf(&b, "; and %d more", f.more)
	}
	return b.String()
}

// orNil is f as an error, nil without a fault.
func (f *faults) orNil() error {
	if len(f.shown) == 0 {
		return nil
	}
	return f
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

// engineKey is the hint for a key of the container engines' own form of a
// profile, from which they make the OCI's at each start.
func engineKey(key string) string {
	switch key {
	case "archMap":
		return ": a key of the container engines, the OCI has architectures"
	case "includes", "excludes":
		return ": a key of the container engines, the OCI has no conditions"
	case "comment":
		return ": a key of the container engines, the OCI has no comments; a line that begins with // is one here"
	}
	return ""
}
