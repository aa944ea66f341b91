// Package fileversion refuses files that a newer blackhole wrote. Each file that
// outlives the process that wrote it has a version, which rises when an older
// reader would take the new content for something else. What is older is read.
package fileversion

import (
	"errors"
	"fmt"
)

// ErrNewer is a file of a version that this program does not know. It is to be
// left as it is.
var ErrNewer = errors.New("was written by a newer blackhole")

// Check compares a file's version with the newest that is known here. A file
// without one, from before it had versions, is 0.
func Check(path string, found, known int) error {
	switch {
	case found > known:
		return fmt.Errorf("cannot read %s: it %w: its version is %d, and this one reads up to %d", path, ErrNewer, found, known)
	case found < 0:
		return fmt.Errorf("cannot read %s: version %d", path, found)
	}
	return nil
}
