package spec

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Options of a bind mount. ro and its like hold for the mount itself; what is
// mounted below it keeps its own, so that /usr/local on a disk of its own would
// stay writable: rro and its like hold for all of them (mount_setattr(2), Linux
// 5.12). Both are there, because a runtime that does not know rro passes it over.
func readOnlyFolder() []string {
	return []string{"rbind", "ro", "nosuid", "nodev", "rro", "rnosuid", "rnodev"}
}

func readOnlyFile() []string { return []string{"bind", "ro", "nosuid", "nodev"} }

func writable() []string {
	return []string{"rbind", "rw", "nosuid", "nodev", "rnosuid", "rnodev"}
}

// mounts collects what is mounted, one mount for each destination: the later wins.
type mounts struct {
	links  map[string]string // in a root file system that is a view of the host's, path to target
	byPath map[string]specs.Mount
}

func (m *mounts) add(mount specs.Mount) {
	mount.Destination = m.real(mount.Destination)
	m.byPath[mount.Destination] = mount
}

// bind shows a path of the host at the same path.
func (m *mounts) bind(at string, options []string) {
	at = m.real(at)
	m.add(specs.Mount{Destination: at, Type: "bind", Source: at, Options: options})
}

// real follows the links at the top of the root file system: /bin/sh is
// /usr/bin/sh there.
func (m *mounts) real(at string) string {
	for link, target := range m.links {
		if at == link || strings.HasPrefix(at, link+"/") {
			if !path.IsAbs(target) {
				target = path.Join(path.Dir(link), target)
			}
			return path.Join(target, strings.TrimPrefix(at, link))
		}
	}
	return at
}

// around is the mount that a path lies on, nil for the root file system itself.
func (m *mounts) around(at string) *specs.Mount {
	for at = m.real(at); at != "/"; at = path.Dir(at) {
		if mount, ok := m.byPath[at]; ok {
			return &mount
		}
	}
	return nil
}

// holds tells whether something is mounted at or below a path.
func (m *mounts) holds(at string) bool {
	for destination := range m.byPath {
		if destination == at || at == "/" || strings.HasPrefix(destination, at+"/") {
			return true
		}
	}
	return false
}

// shown tells whether the service sees the host's own file at a path.
func (m *mounts) shown(at string) bool {
	mount := m.around(at)
	return mount != nil && mount.Source == mount.Destination
}

// sorted is every mount, parents before children: a parent's path is the
// beginning of its children's.
func (m *mounts) sorted() []specs.Mount {
	all := make([]specs.Mount, 0, len(m.byPath))
	for _, mount := range m.byPath {
		all = append(all, mount)
	}
	slices.SortFunc(all, func(a, b specs.Mount) int { return cmp.Compare(a.Destination, b.Destination) })
	return all
}

// filesystem fills in the root file system and the mounts.
func (t *translator) filesystem(o Options, rootfs string) error {
	view := rootfs == "/"
	m := &mounts{byPath: map[string]specs.Mount{}}
	for _, mount := range kernelMounts() {
		m.add(mount)
	}
	m.add(t.tmpfs("/tmp", int64(builtinTmpfsSize)))
	if view {
		if err := t.hostView(m); err != nil {
			return err
		}
	}
	t.hosts(m, o, rootfs)
	if err := t.written(m); err != nil {
		return err
	}
	if view {
		if err := t.program(m); err != nil {
			return err
		}
		t.hideKeys(m)
	}
	for _, mount := range m.sorted() {
		if err := t.reachable(m, mount); err != nil {
			return err
		}
	}
	t.out.Config.Mounts = m.sorted()
	// Read-only for a folder too: what a service may write to is listed.
	t.out.Config.Root = &specs.Root{Path: rootfs, Readonly: true}
	if view {
		t.out.Config.Root.Path = "rootfs"
		t.skeleton(m)
	}
	return nil
}

// kernelMounts are the file systems every Linux program expects, with the
// options that all engines give them.
func kernelMounts() []specs.Mount {
	return []specs.Mount{
		{Destination: "/proc", Type: "proc", Source: "proc", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}},
		{Destination: "/dev/pts", Type: "devpts", Source: "devpts",
			Options: []string{"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}}, // 5 is tty wherever there is a tty group
		{Destination: "/dev/shm", Type: "tmpfs", Source: "shm", Options: []string{"nosuid", "noexec", "nodev", "mode=1777", "size=65536k"}},
		{Destination: "/dev/mqueue", Type: "mqueue", Source: "mqueue", Options: []string{"nosuid", "noexec", "nodev"}},
		{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"nosuid", "noexec", "nodev", "ro"}},
		{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"nosuid", "noexec", "nodev", "relatime", "ro"}},
	}
}

// tmpfs is a folder in memory. It counts as the service's own memory. /tmp and
// its like are for everybody, others are the service's own.
func (t *translator) tmpfs(at string, size int64) specs.Mount {
	options := []string{"nosuid", "nodev", fmt.Sprintf("size=%d", size)}
	if at == "/tmp" || at == "/var/tmp" {
		options = append(options, "mode=1777")
	} else {
		options = append(options, "mode=0755", fmt.Sprintf("uid=%d", t.user.UID), fmt.Sprintf("gid=%d", t.user.GID))
	}
	return specs.Mount{Destination: at, Type: "tmpfs", Source: "tmpfs", Options: options}
}

// written mounts what the configuration lists under filesystem.
func (t *translator) written(m *mounts) error {
	for _, written := range t.service.Filesystem.ReadOnly {
		at := path.Clean(written)
		mode, err := t.modeOf(at)
		if err != nil {
			return fmt.Errorf("filesystem.read_only: %w", err)
		}
		if mode.IsDir() {
			m.bind(at, readOnlyFolder())
		} else {
			m.bind(at, readOnlyFile())
		}
	}
	for _, written := range t.service.Filesystem.Writable {
		at := path.Clean(written)
		source, err := resolve(t.host, at) // a link that points nowhere yet is made to point to a folder
		if err != nil {
			return fmt.Errorf("filesystem.writable: %w", err)
		}
		if _, err := t.host.Stat(source); errors.Is(err, fs.ErrNotExist) {
			t.out.Writable = append(t.out.Writable, source)
		}
		m.bind(at, writable())
	}
	for _, folder := range t.service.Filesystem.Tmpfs {
		m.add(t.tmpfs(path.Clean(value(folder.Path)), int64(value(folder.Size))))
	}
	slices.Sort(t.out.Writable)
	t.out.Writable = slices.Compact(t.out.Writable)
	return nil
}

// modeOf is the mode of what is at a path of the host, links followed.
func (t *translator) modeOf(at string) (fs.FileMode, error) {
	file, err := lookup(t.host, "/", at)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%s does not exist", at)
	}
	return file.Mode, err
}

// reachable refuses a mount whose mount point nobody could make: one inside a
// read-only folder of the host that does not have it.
func (t *translator) reachable(m *mounts, mount specs.Mount) error {
	parent := m.around(path.Dir(mount.Destination))
	if parent == nil || parent.Source != parent.Destination || mount.Source == mount.Destination {
		return nil // made on demand, or there on the host as well
	}
	if _, err := t.modeOf(mount.Destination); err != nil && slices.Contains(parent.Options, "ro") {
		return fmt.Errorf("nothing can be mounted at %s: there is no such folder, and %s is read-only", mount.Destination, parent.Destination)
	}
	return nil
}
