package ahead

import (
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/cgroups"
	devices "github.com/opencontainers/cgroups/devices/config"
	"github.com/opencontainers/runc/libcontainer/configs"
	"golang.org/x/sys/unix"
)

// plan says what of a container is made ahead.
type plan struct {
	root string
	// private are the namespaces that are made, joined those of somebody else
	// that mounts belong to.
	private int
	joined  []configs.Namespace
	// mounts, of all, are made in their order, before rest.
	all, mounts, rest []*configs.Mount
	points            []string // mount points that were made, below root
	// devices that libcontainer is to make; nodes are made here, in the folder /dev.
	devices, nodes []*devices.Device
	// cgroup makes the cgroups of version 1, which are to be mounted; ownView says
	// that the container has a cgroup namespace.
	cgroup  cgroups.Manager
	ownView bool
	// cgroupMount is among mounts, or nil; made has what is to be mounted there.
	cgroupMount *configs.Mount
	made        chan cgroupsMade
}

const (
	propagation = unix.MS_SHARED | unix.MS_SLAVE | unix.MS_PRIVATE | unix.MS_UNBINDABLE
	notNew      = unix.MS_REMOUNT | unix.MS_BIND | unix.MS_MOVE | propagation
	// What a bind may have: with these, to remount as libcontainer does is to set
	// and clear attributes.
	bindable = unix.MS_BIND | unix.MS_REC | unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOSYMFOLLOW | atimes
	atimes   = unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME | unix.MS_STRICTATIME
)

// planFor decides by the configuration alone. It is nil where libcontainer does
// everything: what is rare, or would come out otherwise than there.
func planFor(c *configs.Config, cgroup cgroups.Manager) *plan {
	if c.RootlessEUID || c.Namespaces.Contains(configs.NEWUSER) || c.NoPivotRoot || c.MountLabel != "" ||
		!c.Namespaces.IsPrivate(configs.NEWNS) {
		return nil
	}
	switch c.RootPropagation &^ unix.MS_REC {
	case 0, unix.MS_SLAVE, unix.MS_PRIVATE: // of others, mounts would reach the host
	default:
		return nil
	}
	p := &plan{root: c.Rootfs, private: unix.CLONE_NEWNS, all: c.Mounts, rest: slices.Clone(c.Mounts), devices: c.Devices}
	if !cgroups.IsCgroup2UnifiedMode() && !c.Cgroups.Systemd && !c.Cgroups.Rootless {
		p.cgroup, p.ownView = cgroup, c.Namespaces.Contains(configs.NEWCGROUP)
	}
	for i := 0; i < len(p.rest); {
		m := p.rest[i]
		switch {
		case p.takes(m, p.rest[:i]):
			p.mounts = append(p.mounts, m)
			p.rest = slices.Delete(p.rest, i, i+1)
		case passable(m):
			i++
		default:
			i = len(p.rest)
		}
	}
	if len(p.mounts) == 0 {
		return nil
	}
	if i := slices.IndexFunc(p.mounts, func(m *configs.Mount) bool { return m.Device == "cgroup" }); i >= 0 {
		p.cgroupMount, p.made = p.mounts[i], make(chan cgroupsMade, 1)
	}
	p.takeDevices()
	p.namespace(c, configs.NEWNET, unix.CLONE_NEWNET, "sysfs")
	p.namespace(c, configs.NEWIPC, unix.CLONE_NEWIPC, "mqueue")
	return p
}

// passable tells that mounts after m can be made before it, if they do not meet:
// it is known where m comes to lie.
func passable(m *configs.Mount) bool {
	return m.Device == "proc" && m.Destination == "/proc" || m.Device == "cgroup" && m.Destination == "/sys/fs/cgroup"
}

// takes tells whether m is made ahead, while before, which precede it, are not.
func (p *plan) takes(m *configs.Mount, before []*configs.Mount) bool {
	to := m.Destination
	if !filepath.IsAbs(to) || filepath.Clean(to) != to || to == "/" || meet(to, "/proc") || meet(to, p.root) ||
		m.IDMapping != nil || m.Extensions != 0 {
		return false
	}
	for _, b := range before {
		if meet(to, b.Destination) {
			return false
		}
	}
	switch m.Device {
	case "bind":
		return to != "/dev" && p.takesBind(m)
	case "tmpfs", "devpts", "mqueue", "sysfs":
		// What libcontainer makes read-only once there is nothing more to be put
		// there.
		late := (m.Device == "tmpfs" || to == "/dev") && m.Flags&unix.MS_RDONLY != 0
		return !late && m.Flags&notNew == 0 && isPlain(m)
	case "cgroup":
		return p.cgroup != nil && passable(m) && m.Flags&^bindable == 0 && m.Data == "" && isPlain(m)
	}
	return false
}

// isPlain tells that nothing is to be done with a mount once it is there.
func isPlain(m *configs.Mount) bool { return len(m.PropagationFlags) == 0 && m.RecAttr == nil }

func (p *plan) takesBind(m *configs.Mount) bool {
	if m.Flags&unix.MS_BIND == 0 || m.Flags&^bindable != 0 || m.Data != "" || !filepath.IsAbs(m.Source) || meet(m.Source, p.root) {
		return false
	}
	for _, f := range m.PropagationFlags {
		// Libcontainer makes all that it finds slaves, and binds it once more, which
		// leaves out what is unbindable.
		if f&(unix.MS_SHARED|unix.MS_UNBINDABLE) != 0 {
			return false
		}
	}
	return true
}

// namespace plans for a namespace which a file system belongs to.
func (p *plan) namespace(c *configs.Config, t configs.NamespaceType, flag int, fs string) {
	if c.Namespaces.IsPrivate(t) {
		p.private |= flag
		return
	}
	shown := slices.ContainsFunc(p.mounts, func(m *configs.Mount) bool { return m.Device == fs })
	if path := c.Namespaces.PathOf(t); path != "" && shown {
		p.joined = append(p.joined, configs.Namespace{Type: t, Path: path})
	}
}

// takeDevices takes those that lie in /dev itself, if that is made here and nothing
// is mounted on them.
func (p *plan) takeDevices() {
	if !slices.ContainsFunc(p.mounts, func(m *configs.Mount) bool { return m.Destination == "/dev" && m.Device == "tmpfs" }) {
		return
	}
	all := p.devices
	p.devices = nil
	for _, d := range all {
		covered := slices.ContainsFunc(p.all, func(m *configs.Mount) bool { return m.Destination != "/dev" && meet(m.Destination, d.Path) })
		if filepath.Dir(d.Path) != "/dev" || filepath.Clean(d.Path) != d.Path || d.Path == "/dev/ptmx" || covered {
			p.devices = append(p.devices, d)
			continue
		}
		p.nodes = append(p.nodes, d)
	}
}

// meet tells that one of two paths is the other, or below it.
func meet(a, b string) bool {
	a, b = strings.TrimSuffix(a, "/")+"/", strings.TrimSuffix(b, "/")+"/"
	return strings.HasPrefix(a, b) || strings.HasPrefix(b, a)
}
