package hooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"blackhole/internal/ownthread"
)

// namespaceID names a namespace: the device and inode of its file
// (namespaces(7)).
type namespaceID struct {
	Dev   uint64 `json:"dev"`
	Inode uint64 `json:"inode"`
}

// openNamespace opens the network namespace at a path, and refuses any other
// file.
func openNamespace(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	// NS_GET_NSTYPE, Linux 4.11, ioctl_ns(2).
	kind, err := unix.IoctlRetInt(int(f.Fd()), unix.NS_GET_NSTYPE)
	if err != nil || kind != unix.CLONE_NEWNET {
		f.Close()
		return nil, fmt.Errorf("%s is not a network namespace", path)
	}
	return f, nil
}

func identify(namespace *os.File) (namespaceID, error) {
	var st unix.Stat_t
	if err := unix.Fstat(int(namespace.Fd()), &st); err != nil {
		return namespaceID{}, fmt.Errorf("cannot stat %s: %w", namespace.Name(), err)
	}
	return namespaceID{Dev: uint64(st.Dev), Inode: st.Ino}, nil
}

// within runs f on a thread of its own that is inside a network namespace. What f
// starts as a goroutine is outside again.
func within(namespace *os.File, f func() error) error {
	done := make(chan error, 1)
	ownthread.Go(func() {
		if err := unix.Setns(int(namespace.Fd()), unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("cannot enter network namespace %s: %w", namespace.Name(), err)
			return
		}
		done <- f()
	})
	return <-done
}

// nameNamespace binds a namespace to folder/name, as `ip netns attach` does, so
// that `ip netns exec NAME` works on it. The folder is a shared mount already.
func nameNamespace(folder, name string, namespace *os.File) error {
	path := filepath.Join(folder, name)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0)
	if err != nil {
		return err
	}
	f.Close()
	source := fmt.Sprintf("/proc/self/fd/%d", namespace.Fd())
	if err := unix.Mount(source, path, "", unix.MS_BIND, ""); err != nil {
		return errors.Join(fmt.Errorf("cannot bind the network namespace to %s: %w", path, err), os.Remove(path))
	}
	return nil
}

// shareFolder makes folder a shared mount of its own, exactly as ip-netns(8)
// does on its first use: otherwise a later `ip netns add` would bind the folder
// over itself, and hide our names' mounts where nobody can undo them. It tells
// whether it made the mount.
func shareFolder(folder string) (made bool, err error) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return false, err
	}
	err = unix.Mount("", folder, "none", unix.MS_SHARED|unix.MS_REC, "")
	if err != unix.EINVAL { // EINVAL: not a mount point
		return false, wrapPath("make a shared mount of", folder, err)
	}
	if err := unix.Mount(folder, folder, "none", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return false, wrapPath("bind", folder, err)
	}
	if err := unix.Mount("", folder, "none", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return false, errors.Join(wrapPath("make a shared mount of", folder, err), unshareFolder(folder))
	}
	return true, nil
}

// unshareFolder undoes shareFolder, when no name is left in the folder.
func unshareFolder(folder string) error {
	names, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) || len(names) > 0 {
		return nil
	}
	if err := unix.Unmount(folder, unix.MNT_DETACH); err != nil && err != unix.EINVAL {
		return wrapPath("unmount", folder, err)
	}
	_ = os.Remove(folder) // fails, rightly, where there are other names under the mount
	return nil
}

func wrapPath(verb, path string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("cannot %s %s: %w", verb, path, err)
}

// unnameNamespace undoes nameNamespace, wherever that was interrupted. It
// leaves the name alone when it belongs to another namespace than id.
func unnameNamespace(folder, name string, id namespaceID) error {
	path := filepath.Join(folder, name)
	var st unix.Stat_t
	switch err := unix.Stat(path, &st); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return wrapPath("stat", path, err)
	}
	if mine := (namespaceID{Dev: uint64(st.Dev), Inode: st.Ino}); mine == id {
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL {
			return wrapPath("unmount", path, err)
		}
	} else if isNamespace(path) || st.Size != 0 {
		return nil // somebody else's
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func isNamespace(path string) bool {
	var st unix.Statfs_t
	return unix.Statfs(path, &st) == nil && st.Type == unix.NSFS_MAGIC
}
