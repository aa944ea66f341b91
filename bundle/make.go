package bundle

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"blackhole/internal/cleanup"
)

// Each function here makes one thing if it is not there, and puts its removal
// on the stack if it made it. Removals never take more than was made: a folder
// in which somebody put something meanwhile stays.

func removal(path string) func() error {
	return func() error {
		err := os.Remove(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
}

// makeDirs makes a folder and its parents, mode 0755 whatever the umask: the
// service's user has to get through them.
func makeDirs(path string, undo *cleanup.Stack) error {
	return makeOwned(path, nil, undo)
}

// owner is whom a folder is made for.
type owner struct{ uid, gid int }

// makeOwned is makeDirs that gives the last folder to somebody if it made it.
func makeOwned(path string, to *owner, undo *cleanup.Stack) error {
	info, err := os.Stat(path)
	if err == nil {
		if !info.IsDir() {
			return fmt.Errorf("%s is not a folder", path)
		}
		return nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if parent := filepath.Dir(path); parent != path {
		if err := makeDirs(parent, undo); err != nil {
			return err
		}
	}
	return makeFolder(path, to, undo)
}

// changeMode gives a folder a mode, permissions and sticky bit.
func changeMode(path string, mode fs.FileMode, undo *cleanup.Stack) error {
	const all = fs.ModePerm | fs.ModeSticky
	info, err := os.Stat(path)
	if err != nil || info.Mode()&all == mode {
		return err
	}
	if err := os.Chmod(path, mode); err != nil {
		return err
	}
	undo.Add(func() error { return os.Chmod(path, info.Mode()&all) })
	return nil
}

func makeFile(path string, undo *cleanup.Stack) error {
	if err := makeDirs(filepath.Dir(path), undo); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		info, err := os.Lstat(path)
		if err == nil && !info.Mode().IsRegular() {
			err = fmt.Errorf("%s is not a file", path)
		}
		return err
	}
	if err != nil {
		return err
	}
	undo.Add(removal(path))
	return f.Close()
}

// makeLink makes a symbolic link. One that points elsewhere, and an empty
// folder (an earlier bundle's mount point), are replaced.
func makeLink(path, target string, undo *cleanup.Stack) error {
	if err := makeDirs(filepath.Dir(path), undo); err != nil {
		return err
	}
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case info.Mode()&fs.ModeSymlink != 0:
		old, err := os.Readlink(path)
		if err != nil || old == target {
			return err
		}
		if err := os.Remove(path); err != nil {
			return err
		}
		undo.Add(func() error { return os.Symlink(old, path) })
	case info.IsDir():
		if err := os.Remove(path); err != nil {
			return err
		}
		undo.Add(func() error { return os.Mkdir(path, 0o755) })
	default:
		return fmt.Errorf("%s is there, and is not a link to %s", path, target)
	}
	if err := os.Symlink(target, path); err != nil {
		return err
	}
	undo.Add(removal(path))
	return nil
}

// makeWritable makes the folders that the service may write to. Only what it
// makes is given to the service's user: taking an existing folder from its
// owner is not ours to decide.
func makeWritable(c Contents, undo *cleanup.Stack) error {
	var to *owner
	if p := c.Config.Process; p != nil {
		to = &owner{int(p.User.UID), int(p.User.GID)}
	}
	for _, path := range slices.Sorted(slices.Values(c.Writable)) {
		if err := makeOwned(path, to, undo); err != nil {
			return err
		}
	}
	return nil
}

// makeHosts makes the hosts file. It is written in place, never replaced: it is
// bound into containers. Everybody in the container reads it.
func makeHosts(path, text string, undo *cleanup.Stack) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	undo.Add(removal(path))
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return err
	}
	return f.Chmod(0o644) // whatever the umask
}
