// Package atomicfile writes files that are either whole or not there.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Write replaces the file at path by data: a reader sees the old content or
// the new one, never a part, and after a crash too. A failure leaves the old
// file and nothing beside it.
func Write(path string, data []byte, mode fs.FileMode) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), temporary(path)+"*")
	if err != nil {
		return fmt.Errorf("cannot write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("cannot write %s: %w", path, err), ignoreNotExist(os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode) // os.CreateTemp makes 0600
	}
	if err == nil {
		err = f.Sync() // before the rename, or a crash could leave an empty file under the final name
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// temporary is what the names of files begin with that are to replace path.
func temporary(path string) string { return "." + filepath.Base(path) + ".tmp" }

// Sweep removes what writers of path left that were killed. It is for a caller
// who knows that nobody writes it now.
func Sweep(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return ignoreNotExist(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !strings.HasPrefix(name, temporary(path)) {
			continue
		}
		if err := ignoreNotExist(os.Remove(filepath.Join(filepath.Dir(path), name))); err != nil {
			return err
		}
	}
	return nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
