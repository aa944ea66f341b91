package host

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"blackhole/spec"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// maxDepth bounds how far disks are followed: loop devices, overlays and
// device-mapper can be stacked on each other.
const maxDepth = 16

// errNoDisk is the cause where a file system is not on a block device.
var errNoDisk = errors.New("it has no disk")

// Disks lists the whole disks behind a path, sorted by name, because io.max
// takes nothing else: a partition stands for its disk, a device-mapper or md
// device for those it is made of, a loop device for the disk of its file, btrfs
// for all its devices, an overlay for its upper folder. A block device node
// stands for itself. Of a path that is not there yet, its nearest parent counts.
func (h *Host) Disks(path string) ([]spec.Disk, error) {
	if !filepath.IsAbs(path) {
		return nil, fmt.Errorf("cannot find the disk behind %q: not an absolute path", path)
	}
	found := map[string]spec.Disk{}
	if err := h.disks(path, found, 0); err != nil {
		return nil, fmt.Errorf("cannot find the disk behind %s: %w", path, err)
	}
	disks := make([]spec.Disk, 0, len(found))
	for _, disk := range found {
		disks = append(disks, disk)
	}
	slices.SortFunc(disks, func(a, b spec.Disk) int { return cmp.Compare(a.Name, b.Name) })
	return disks, nil
}

func (h *Host) disks(path string, found map[string]spec.Disk, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d devices on top of each other", maxDepth)
	}
	path = h.nearest(path)
	st, err := h.stat(path)
	if err != nil {
		return err
	}
	number := st.dev
	if st.block {
		number = st.rdev
	}
	if unix.Major(number) == 0 { // anonymous: the file system is not on one block device
		return h.unnamed(path, found, depth)
	}
	link := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(number), unix.Minor(number))
	dir, err := filepath.EvalSymlinks(h.at(link))
	if err != nil {
		return err
	}
	return h.whole(dir, found, depth)
}

// whole adds the disks behind the block device whose sysfs folder is dir
// (Documentation/ABI/testing/sysfs-block).
func (h *Host) whole(dir string, found map[string]spec.Disk, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("more than %d devices on top of each other", maxDepth)
	}
	if _, err := os.Lstat(filepath.Join(dir, "partition")); err == nil {
		dir = filepath.Dir(dir)
	}
	slaves, _ := os.ReadDir(filepath.Join(dir, "slaves")) // dm, md, bcache; empty or missing for the others
	for _, slave := range slaves {
		below, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", slave.Name()))
		if err != nil {
			return err
		}
		if err := h.whole(below, found, depth+1); err != nil {
			return err
		}
	}
	if len(slaves) > 0 {
		return nil
	}
	if file, err := os.ReadFile(filepath.Join(dir, "loop/backing_file")); err == nil {
		// A file in memory has no disk: then the loop device is the last that can be limited.
		// (A file that was deleted is listed as "PATH (deleted)"; its folder serves as well.)
		err := h.disks(strings.TrimSpace(string(file)), found, depth+1)
		if !errors.Is(err, errNoDisk) {
			return err
		}
	}
	disk, err := readDisk(dir)
	if err != nil {
		return err
	}
	found[disk.Name] = disk
	return nil
}

func readDisk(dir string) (spec.Disk, error) {
	line, err := os.ReadFile(filepath.Join(dir, "dev"))
	if err != nil {
		return spec.Disk{}, err
	}
	major, minor, _ := strings.Cut(strings.TrimSpace(string(line)), ":")
	disk := spec.Disk{Name: filepath.Base(dir)}
	var err1, err2 error
	disk.Major, err1 = strconv.ParseInt(major, 10, 64)
	disk.Minor, err2 = strconv.ParseInt(minor, 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return spec.Disk{}, fmt.Errorf("%s/dev holds %q", dir, line)
	}
	return disk, nil
}

// unnamed adds the disks behind a path whose file system has no device number
// of its own, by the mount that it is on. (btrfs gives each subvolume a number
// that no mount carries, so the mount is found by its path.)
func (h *Host) unnamed(path string, found map[string]spec.Disk, depth int) error {
	if h.root == "/" {
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
	}
	mounts, err := h.mounts(func(m *mountinfo.Info) (skip, stop bool) {
		return !within(path, m.Mountpoint), false
	})
	if err != nil {
		return err
	}
	var mount *mountinfo.Info
	for _, m := range mounts {
		// Of two on the same folder the later hides the earlier.
		if mount == nil || len(m.Mountpoint) >= len(mount.Mountpoint) {
			mount = m
		}
	}
	if mount == nil {
		return fmt.Errorf("%s is on no mount", path)
	}
	switch mount.FSType {
	case "btrfs":
		return h.btrfs(mount.Source, found, depth)
	case "overlay":
		for _, option := range []string{"upperdir=", "lowerdir="} { // without an upper folder it is read-only
			for field := range strings.SplitSeq(mount.VFSOptions, ",") {
				if folders, ok := strings.CutPrefix(field, option); ok {
					folder, _, _ := strings.Cut(folders, ":")
					return h.disks(folder, found, depth+1)
				}
			}
		}
	}
	return fmt.Errorf("%s is on %s (mounted at %s): %w", path, mount.FSType, mount.Mountpoint, errNoDisk)
}

// btrfs adds every device of the file system that source is one of; the kernel
// links them at /sys/fs/btrfs/UUID/devices.
func (h *Host) btrfs(source string, found map[string]spec.Disk, depth int) error {
	st, err := h.stat(source)
	if err != nil {
		return err
	}
	self, err := filepath.EvalSymlinks(h.at(fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(st.rdev), unix.Minor(st.rdev))))
	if err != nil {
		return err
	}
	lists, _ := filepath.Glob(h.at("/sys/fs/btrfs/*/devices")) // the pattern is well formed
	for _, list := range lists {
		names, err := os.ReadDir(list)
		if err != nil {
			return err
		}
		var devices []string
		for _, name := range names {
			device, err := filepath.EvalSymlinks(filepath.Join(list, name.Name()))
			if err != nil && !errors.Is(err, fs.ErrNotExist) { // a missing device of a degraded array
				return err
			}
			if err == nil {
				devices = append(devices, device)
			}
		}
		if !slices.Contains(devices, self) {
			continue
		}
		for _, device := range devices {
			if err := h.whole(device, found, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return h.whole(self, found, depth+1)
}
