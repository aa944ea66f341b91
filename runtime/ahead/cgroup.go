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

// MakeCgroups makes the container's cgroups of version 1, which are to be mounted and
// which libcontainer then finds made. To be called between Begin and Apply, once
// what happens can be undone. It is not done in the thread with the new namespaces:
// the library keeps descriptors and mounts that it saw first.
func (w *Work) MakeCgroups() {
	if w == nil || w.plan.made == nil {
		return
	}
	p := w.plan
	w.cgroups = true
	go func() {
		binds, err := p.cgroupBinds(p.cgroupMount)
		if err == nil {
			err = p.cgroup.Apply(-1) // makes them, moves nobody
		}
		p.made <- cgroupsMade{binds, err}
	}()
}

// MadeCgroups tells, after Apply, whether they are there.
func (w *Work) MadeCgroups() bool { return w != nil && w.cgroups && w.applied }

// cgroupsMade are the mounts that show them.
type cgroupsMade struct {
	binds []*configs.Mount
	err   error
}

// mountCgroups shows a container its cgroups of version 1: a tmpfs with one folder
// for each hierarchy. What is mounted in a cgroup namespace has the same
// superblock and root as a bind of the container's cgroup. This is half of the
// mounts of a plain bundle, and a third of what the container's first process does.
func (p *plan) mountCgroups(root int, m *configs.Mount) error {
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if err := fresh(root, &configs.Mount{Source: "tmpfs", Device: "tmpfs", Destination: m.Destination, Flags: flags, Data: "mode=755"}, &p.points); err != nil {
		return err
	}
	at, err := open(root, strings.TrimPrefix(m.Destination, "/"))
	if err != nil {
		return os.NewSyscallError("openat2", err)
	}
	defer unix.Close(at)
	cgroups := <-p.made
	p.made <- cgroups // for settle
	if cgroups.err != nil {
		return cgroups.err
	}
	for _, b := range cgroups.binds {
		if err := bind(at, b, new([]string)); err != nil {
			return err
		}
		controllers := strings.Split(b.Destination, ",")
		if len(controllers) == 1 {
			continue
		}
		for _, c := range controllers {
			if err := unix.Symlinkat(b.Destination, at, c); err != nil && !errors.Is(err, unix.EEXIST) {
				return os.NewSyscallError("symlinkat", err)
			}
		}
	}
	return nil
}

// settle waits until nothing more is made, whatever became of the mounts: what is
// undone afterwards must not come back.
func (p *plan) settle() {
	if p.made != nil {
		<-p.made
	}
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
	own, err := cgroups.ParseCgroupFile("/proc/self/cgroup")
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
		if path == "" { // one that is not managed: the container stays where its creator is
			dir, err := h.GetOwnCgroup(own)
			if err != nil {
				return nil, err
			}
			below, err := filepath.Rel(h.Root, dir)
			if err != nil {
				return nil, err
			}
			path = filepath.Join(h.Mountpoint, below)
		}
		binds = append(binds, &configs.Mount{
			Device: "bind", Source: path, Destination: filepath.Base(h.Mountpoint), Flags: flags | unix.MS_BIND | unix.MS_REC,
		})
	}
	return binds, nil
}
