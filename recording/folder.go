package recording

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// folderName is the recordings' own folder in the state folder; @ cannot be part
// of a container's id. In it each has a folder, which it holds a lock on: the
// kernel drops that when the command is killed.
const folderName = "@recording"

// claim makes a recording's folder, empty, and locks it.
func claim(root, name string) (dir string, release func() error, err error) {
	dir = filepath.Join(root, folderName, name)
	if err := os.MkdirAll(dir, 0o711); err != nil {
		return "", nil, err
	}
	f, err := lock(dir)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return "", nil, errors.New("it is being recorded already")
	}
	if err != nil {
		return "", nil, err
	}
	release = func() error {
		defer f.Close()
		return remove(dir)
	}
	if err := empty(dir); err != nil { // of what a killed command left
		return "", nil, errors.Join(err, release())
	}
	return dir, release, nil
}

func lock(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		f.Close()
		return nil, &os.PathError{Op: "flock", Path: dir, Err: err}
	}
	return f, nil
}

func empty(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := os.RemoveAll(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func remove(dir string) error {
	err := os.RemoveAll(dir)
	_ = os.Remove(filepath.Dir(dir)) // unless there are others
	return err
}

// Leftover is the folder of a recording whose command was killed.
type Leftover struct {
	Dir string
}

// Leftovers lists the recordings that nobody makes any more, and whose container
// is not known.
func Leftovers(root string, known func(id string) bool) ([]Leftover, error) {
	folder := filepath.Join(root, folderName)
	entries, err := os.ReadDir(folder)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("cannot list leftovers: %w", err)
	}
	var left []Leftover
	for _, e := range entries {
		dir := filepath.Join(folder, e.Name())
		if f, err := lock(dir); err == nil {
			f.Close()
			if !known(e.Name()) {
				left = append(left, Leftover{dir})
			}
		}
	}
	return left, nil
}

// Remove removes it, unless it is in use again.
func (l Leftover) Remove() error {
	f, err := lock(l.Dir)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return nil
	}
	if err == nil {
		defer f.Close()
		err = remove(l.Dir)
	}
	if err != nil {
		return fmt.Errorf("cannot remove recording %s: %w", l.Dir, err)
	}
	return nil
}
