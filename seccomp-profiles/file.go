package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"os"

	"blackhole/internal/regular"
)

// maxFile is in bytes. The engines' default profile has 15 KiB; a file of this
// size is something else.
const maxFile = 256 << 10

// readFile reads a profile.
func readFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, regular.Flags, 0)
	if err != nil {
		return nil, bare(err)
	}
	defer f.Close()
	data, err := regular.Read(f, maxFile)
	if errors.Is(err, regular.ErrSize) {
		err = fmt.Errorf("larger than %d bytes", maxFile)
	}
	return data, bare(err)
}

// bare takes the path off an error that Load prefixes with it again.
func bare(err error) error {
	var pathErr *os.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// blankComments overwrites the lines that begin with // with spaces, so that
// every other byte stays at its line and column. JSON strings have no line
// breaks: no such line is part of one.
func blankComments(data []byte) []byte {
	out := bytes.Clone(data)
	for start := 0; start < len(out); {
		end := len(out)
		if n := bytes.IndexByte(out[start:], '\n'); n >= 0 {
			end = start + n
		}
		if bytes.HasPrefix(bytes.TrimLeft(out[start:end], " \t"), []byte("//")) {
			for i := start; i < end; i++ {
				out[i] = ' '
			}
		}
		start = end + 1
	}
	return out
}
