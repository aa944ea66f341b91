// Package regular reads files that somebody else may have put there. Not every
// path can be read to its end: a FIFO waits for a writer, a device may never
// stop, a file can be larger than the memory.
package regular

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// Flags are what a file is to be opened with, or a FIFO is waited for.
const Flags = os.O_RDONLY | syscall.O_NONBLOCK

// ErrKind is something else than a regular file, ErrSize one with more bytes
// than were asked for.
var (
	ErrKind = errors.New("not a regular file")
	ErrSize = errors.New("too large")
)

// Read reads an open regular file of at most so many bytes.
func Read(f *os.File, most int) ([]byte, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, ErrKind
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(data) > most {
		err = ErrSize
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}
