package spec

import (
	"fmt"
	"strings"
)

// Place is where a key or value stands in a file, both counted from 1; the
// zero Place is nowhere (a built-in default).
type Place struct {
	File         string
	Line, Column int
}

// Fault is one thing that is wrong in a configuration.
type Fault struct {
	Place
	Path    string // services.storage.resources.memory.limit; empty for a whole file
	Message string // lower case, with the wrong value
}

// String is file:line:column: path: message, without the parts that are unknown.
func (f Fault) String() string {
	var b strings.Builder
	if f.File != "" {
		b.WriteString(f.File)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
		}
		b.WriteString(": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	return b.String() + f.Message
}

// Faults is everything that is wrong, in the order of the files. As an error it
// is one line for each.
type Faults []Fault

func (f Faults) Error() string {
	lines := make([]string, len(f))
	for i, fault := range f {
		lines[i] = fault.String()
	}
	return strings.Join(lines, "\n")
}

// ManyLines tells whoever prints it that this error is a list by nature.
func (Faults) ManyLines() {}
