// Package atomicfile writes files that are either whole or not there.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
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
	return sweep(filepath.Dir(path), func(name string) bool { return strings.HasPrefix(name, temporary(path)) })
}

// SweepFolder is Sweep for all files of a folder in which nobody writes now and
// which has no other hidden ones.
func SweepFolder(dir string) error {
	return sweep(dir, func(name string) bool { return strings.HasPrefix(name, ".") && strings.Contains(name, ".tmp") })
}

func sweep(path string, isLeft func(name string) bool) error {
	dir, err := os.Open(path)
	if err != nil {
		return ignoreNotExist(err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, name := range names {
		if !isLeft(name) {
			continue
		}
		if err := ignoreNotExist(os.Remove(filepath.Join(path, name))); err != nil {
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

// Create is Write for a folder that nobody sweeps. As long as there is no file
// at path yet, the data has no other name before that one: a writer that is
// killed leaves the whole file or nothing. Where this cannot be, it is Write.
func Create(path string, data []byte, mode fs.FileMode) error {
	fd, err := unix.Open(filepath.Dir(path), unix.O_TMPFILE|unix.O_WRONLY|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return Write(path, data, mode) // such as a file system without O_TMPFILE
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	_, err = f.Write(data)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err == nil {
		// AT_EMPTY_PATH would take a capability.
		err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	}
	if err != nil {
		return Write(path, data, mode)
	}
	return nil
}
