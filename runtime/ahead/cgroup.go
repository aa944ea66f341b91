package ahead

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// mountCgroups shows a container its cgroups of version 1: a tmpfs with one folder
// for each hierarchy. What is mounted in a cgroup namespace has the same
// superblock and root as a bind of the container's cgroup, which must be there for
// that; libcontainer then finds it made. This is half of the mounts of
// a plain bundle, and a third of what the container's first process does.
func (p *plan) mountCgroups(root int, m *configs.Mount) error {
	binds, err := p.cgroupBinds(m)
	if err != nil {
		return err
	}
	if err := p.cgroup.Apply(-1); err != nil { // makes them, moves nobody
		return err
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := fresh(root, &configs.Mount{Source: "tmpfs", Device: "tmpfs", Destination: m.Destination, Flags: flags, Data: "mode=755"}); err != nil {
		return err
	}
	at, err := open(root, strings.TrimPrefix(m.Destination, "/"))
	if err != nil {
		return os.NewSyscallError("openat2", err)
	}
	defer unix.Close(at)
	for _, b := range binds {
		if err := bind(at, b); err != nil {
			return err
		}
		controllers := strings.Split(b.Destination, ",")
		if len(controllers) == 1 {
			continue
		}
		for _, c := range controllers {
			if err := unix.Symlinkat(b.Destination, at, c); err != nil && err != unix.EEXIST {
				return os.NewSyscallError("symlinkat", err)
			}
		}
	}
	return nil
}

// cgroupBinds are the container's cgroups, one of each hierarchy, and the names
// of their folders.
func (p *plan) cgroupBinds(m *configs.Mount) ([]*configs.Mount, error) {
	flags := m.Flags
	if p.ownView {
		flags = flags&unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_RELATIME
	}
	hierarchies, err := cgroups.GetCgroupMounts(false)
	if err != nil {
		return nil, err
	}
	var binds []*configs.Mount
	for _, h := range hierarchies {
		path := ""
		for _, s := range h.Subsystems {
			if path = p.cgroup.Path(s); path == "" {
				path = p.cgroup.Path(cgroups.CgroupNamePrefix + s)
			}
			if path != "" {
				break
			}
		}
		if path == "" {
			return nil, errors.New("a hierarchy in which the container has no cgroup: " + h.Mountpoint)
		}
		binds = append(binds, &configs.Mount{
			Device: "bind", Source: path, Destination: filepath.Base(h.Mountpoint), Flags: flags | unix.MS_BIND | unix.MS_REC,
		})
	}
	return binds, nil
}
