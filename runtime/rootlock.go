package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// rootLock keeps a cgroup parent from being removed while a container is made
// below it: creations share the lock of the state folder, a removal has it
// alone or does not happen.
type rootLock struct {
	f    *os.File
	made []string // folders that were not there, deepest first
}

// lockRoot shares the lock, and makes the state folder on demand.
func (r *Runtime) lockRoot() (*rootLock, error) {
	if !filepath.IsAbs(r.Root) {
		return nil, fmt.Errorf("state folder %q is not an absolute path", r.Root)
	}
	l := &rootLock{}
	for dir := filepath.Clean(r.Root); missing(dir); dir = filepath.Dir(dir) {
		l.made = append(l.made, dir)
	}
	if err := os.MkdirAll(r.Root, 0o700); err != nil {
		return nil, errors.Join(err, l.removeMade())
	}
	f, err := os.Open(r.Root)
	if err != nil {
		return nil, errors.Join(err, l.removeMade())
	}
	l.f = f
	if err := unix.Flock(int(f.Fd()), unix.LOCK_SH); err != nil {
		f.Close()
		return nil, errors.Join(os.NewSyscallError("flock", err), l.removeMade())
	}
	return l, nil
}

// removeMade takes the state folder away again if lockRoot made it and nobody
// else uses it by now.
func (l *rootLock) removeMade() error {
	for _, dir := range l.made {
		if os.Remove(dir) != nil {
			break
		}
	}
	return nil
}

func (l *rootLock) unlock() {
	if l != nil {
		l.f.Close()
	}
}

// alonePatience is how long alone waits: for another that has the lock alone
// that is an age, and creations mostly take less.
const alonePatience = 200 * time.Millisecond

// alone runs f if no container is being created, or none any more within
// alonePatience. A lock that is already held by the caller is turned into one of
// its own; nil takes one.
func (r *Runtime) alone(l *rootLock, f func()) {
	for deadline := time.Now().Add(alonePatience); ; time.Sleep(time.Millisecond) {
		// Opening may fail for a moment too, where the host is short of memory
		// or descriptors.
		if l == nil {
			if dir, err := os.Open(r.Root); err == nil {
				defer dir.Close() //nolint:revive // once, for l is set then
				l = &rootLock{f: dir}
			} else if errors.Is(err, fs.ErrNotExist) {
				return
			}
		}
		if l != nil && unix.Flock(int(l.f.Fd()), unix.LOCK_EX|unix.LOCK_NB) == nil {
			f()
			return
		}
		if time.Now().After(deadline) {
			return
		}
	}
}
