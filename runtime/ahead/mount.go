package ahead

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// mount makes the planned mounts. Where a symbolic link is on the way to one,
// it and all after it are left to libcontainer: only without does a path mean the same
// whatever is mounted meanwhile.
func (p *plan) mount() error {
	root, err := unix.Open(p.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: p.root, Err: err}
	}
	defer unix.Close(root)
	for i, m := range p.mounts {
		switch m.Device {
		case "bind":
			err = bind(root, m, &p.points)
		case "cgroup":
			err = p.mountCgroups(root, m)
		default:
			err = fresh(root, m, &p.points)
		}
		if errors.Is(err, unix.ELOOP) {
			return p.leave(i)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m.Destination, err)
		}
	}
	return p.makeNodes(root)
}

// leave gives the mounts from number i on back, and all devices.
func (p *plan) leave(i int) error {
	p.devices, p.nodes = append(p.devices, p.nodes...), nil
	if i == 0 {
		return errors.New("nothing can be made")
	}
	made := map[*configs.Mount]bool{}
	for _, m := range p.mounts[:i] {
		made[m] = true
	}
	p.mounts = p.mounts[:i]
	p.rest = nil
	for _, m := range p.all {
		if !made[m] {
			p.rest = append(p.rest, m)
		}
	}
	return nil
}

// fresh mounts a new file system.
func fresh(root int, m *configs.Mount, points *[]string) error {
	at, made, err := target(root, m.Destination, true, points)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	data := m.Data
	if m.Device == "tmpfs" && !made { // the mode of what it covers, unless its options say otherwise
		var st unix.Stat_t
		if err := unix.Fstat(at, &st); err != nil {
			return os.NewSyscallError("fstat", err)
		}
		data = strings.TrimSuffix(fmt.Sprintf("mode=%04o,%s", st.Mode&^unix.S_IFMT, data), ",")
	}
	// This thread's working directory is its own, and needs no path.
	if err := unix.Fchdir(at); err != nil {
		return os.NewSyscallError("fchdir", err)
	}
	return os.NewSyscallError("mount", unix.Mount(m.Source, ".", m.Device, uintptr(m.Flags), data))
}

// bind mounts what is there already. All is set before it can be seen.
func bind(root int, m *configs.Mount, points *[]string) error {
	flags := uint(unix.OPEN_TREE_CLONE | unix.OPEN_TREE_CLOEXEC)
	if m.Flags&unix.MS_REC != 0 {
		flags |= unix.AT_RECURSIVE
	}
	tree, err := unix.OpenTree(unix.AT_FDCWD, m.Source, flags)
	if err != nil {
		return &os.PathError{Op: "open_tree", Path: m.Source, Err: noLoop(err)}
	}
	defer unix.Close(tree)
	if err := setAttributes(tree, m); err != nil {
		return os.NewSyscallError("mount_setattr", noLoop(err))
	}
	var st unix.Stat_t
	if err := unix.Fstat(tree, &st); err != nil {
		return os.NewSyscallError("fstat", err)
	}
	at, _, err := target(root, m.Destination, st.Mode&unix.S_IFMT == unix.S_IFDIR, points)
	if err != nil {
		return err
	}
	defer unix.Close(at)
	return os.NewSyscallError("move_mount", noLoop(unix.MoveMount(tree, "", at, "", unix.MOVE_MOUNT_F_EMPTY_PATH|unix.MOVE_MOUNT_T_EMPTY_PATH)))
}

// noLoop keeps an ELOOP that is not about the way to the mount point apart.
func noLoop(err error) error {
	if errors.Is(err, unix.ELOOP) {
		return unix.EINVAL
	}
	return err
}

func setAttributes(tree int, m *configs.Mount) error {
	for _, f := range m.PropagationFlags {
		at := uint(unix.AT_EMPTY_PATH)
		if f&unix.MS_REC != 0 {
			at |= unix.AT_RECURSIVE
		}
		if err := unix.MountSetattr(tree, "", at, &unix.MountAttr{Propagation: uint64(f & propagation)}); err != nil {
			return err
		}
	}
	if m.Flags&^(unix.MS_BIND|unix.MS_REC) != 0 || m.ClearedFlags != 0 {
		// As remounting does it: what is not asked for is taken away.
		if err := unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH, attributes(m.Flags)); err != nil {
			return err
		}
	}
	if m.RecAttr != nil {
		return unix.MountSetattr(tree, "", unix.AT_EMPTY_PATH|unix.AT_RECURSIVE, m.RecAttr)
	}
	return nil
}

// attributes are those that a mount has after it was remounted with flags.
func attributes(flags int) *unix.MountAttr {
	a := &unix.MountAttr{}
	set := func(flag int, attr uint64) {
		if flags&flag != 0 {
			a.Attr_set |= attr
		} else {
			a.Attr_clr |= attr
		}
	}
	set(unix.MS_RDONLY, unix.MOUNT_ATTR_RDONLY)
	set(unix.MS_NOSUID, unix.MOUNT_ATTR_NOSUID)
	set(unix.MS_NODEV, unix.MOUNT_ATTR_NODEV)
	set(unix.MS_NOEXEC, unix.MOUNT_ATTR_NOEXEC)
	set(unix.MS_NOSYMFOLLOW, unix.MOUNT_ATTR_NOSYMFOLLOW)
	if flags&atimes == 0 {
		return a // they stay as they are
	}
	set(unix.MS_NODIRATIME, unix.MOUNT_ATTR_NODIRATIME)
	a.Attr_clr |= unix.MOUNT_ATTR__ATIME
	switch {
	case flags&unix.MS_STRICTATIME != 0:
		a.Attr_set |= unix.MOUNT_ATTR_STRICTATIME
	case flags&unix.MS_NOATIME != 0:
		a.Attr_set |= unix.MOUNT_ATTR_NOATIME
	default:
		a.Attr_set |= unix.MOUNT_ATTR_RELATIME
	}
	return a
}

// target opens a mount point, and makes it and what is above it where it is
// missing, as libcontainer does; what it made is added to points. No symbolic link is followed, so that an open one
// is where its path says, whatever somebody renames.
func target(root int, path string, dir bool, points *[]string) (fd int, made bool, err error) {
	path = strings.TrimPrefix(path, "/")
	fd, err = open(root, path)
	if !errors.Is(err, unix.ENOENT) {
		return fd, false, at(path, err)
	}
	parent, rest := root, path
	defer func() {
		if parent != root {
			unix.Close(parent)
		}
	}()
	for {
		name, below, more := strings.Cut(rest, "/")
		if more || dir {
			err = unix.Mkdirat(parent, name, 0o755)
		} else {
			fd, err = unix.Openat(parent, name, unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o644)
			if err == nil {
				unix.Close(fd)
			}
		}
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return -1, false, at(path, err)
		}
		if err == nil {
			*points = append(*points, path[:len(path)-len(rest)+len(name)])
		}
		next, err := open(parent, name)
		if err != nil {
			return -1, false, at(path, err)
		}
		if !more {
			return next, true, nil
		}
		if parent != root {
			unix.Close(parent)
		}
		parent, rest = next, below
	}
}

// removePoints removes the mount points that were made, where they can be seen: not
// what lies in file systems that are gone with the namespace.
func (p *plan) removePoints() {
	root, err := unix.Open(p.root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(root)
	for _, path := range slices.Backward(p.points) {
		dir, name := filepath.Split(path)
		parent, err := open(root, "./"+dir)
		if err != nil {
			continue
		}
		if unix.Unlinkat(parent, name, unix.AT_REMOVEDIR) != nil {
			_ = unix.Unlinkat(parent, name, 0)
		}
		unix.Close(parent)
	}
}

func open(dir int, path string) (int, error) {
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS}
	for {
		fd, err := unix.Openat2(dir, path, &how)
		if err != unix.EINTR {
			return fd, err
		}
	}
}

func at(path string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: "mount point", Path: "/" + path, Err: err}
}
