package host

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// cgroupMount is where every OCI runtime looks for cgroups, libcontainer and
// crun alike; it is not configurable there.
const cgroupMount = "/sys/fs/cgroup"

// CgroupVersion is 2 when root (the usual mount when empty; its nearest parent
// when it is not there yet) is on a cgroup2 file system and so is the mount
// that runtimes use. A hybrid host, whose resource controllers are on v1 and
// whose v2 hierarchy is elsewhere and almost empty, is 1.
func (h *Host) CgroupVersion(root string) int {
	for _, path := range []string{cgroupMount, rootOrDefault(root)} {
		kind, err := h.statfs(h.nearest(path))
		if err != nil || kind != unix.CGROUP2_SUPER_MAGIC {
			return 1
		}
	}
	return 2
}

func rootOrDefault(root string) string {
	if root == "" {
		return cgroupMount
	}
	return root
}

// Controllers lists what the cgroup at root may hand to its children, as v2
// names, sorted. On v1 these are the hierarchies mounted below root.
func (h *Host) Controllers(root string) ([]string, error) {
	root = rootOrDefault(root)
	if h.CgroupVersion(root) == 2 {
		line, err := h.line(filepath.Join(root, "cgroup.controllers"))
		if err != nil {
			return nil, fmt.Errorf("cannot list controllers: %s is not a cgroup: %w", root, err)
		}
		names := strings.Fields(line)
		slices.Sort(names)
		return names, nil
	}
	mounts, err := h.mounts(func(m *mountinfo.Info) (skip, stop bool) {
		return m.FSType != "cgroup" || !within(m.Mountpoint, root), false
	})
	if err != nil {
		return nil, fmt.Errorf("cannot list controllers: %w", err)
	}
	var names []string
	for _, m := range mounts {
		// The superblock's options name the controllers, among rw and name=….
		for option := range strings.SplitSeq(m.VFSOptions, ",") {
			if name := v2Name(option); name != "" {
				names = append(names, name)
			}
		}
	}
	if len(mounts) == 0 {
		return nil, fmt.Errorf("cannot list controllers: no cgroup is mounted at or below %s", root)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

// v2Name is the cgroup v2 name of a v1 controller, empty for what is none
// (a mount option) and for what v2 has not as a controller (cpuacct, devices,
// freezer, net_cls).
func v2Name(v1 string) string {
	switch v1 {
	case "blkio":
		return "io"
	case "cpu", "cpuset", "memory", "pids", "hugetlb", "rdma", "misc", "perf_event":
		return v1
	}
	return ""
}

// within tells whether path is folder or lies below it.
func within(path, folder string) bool {
	return path == folder || folder == "/" || strings.HasPrefix(path, folder+"/")
}

func (h *Host) mounts(skip mountinfo.FilterFunc) ([]*mountinfo.Info, error) {
	f, err := os.Open(h.at("/proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return mountinfo.GetMountsFromReader(f, skip)
}

// witness is, per controller, a file that every cgroup with that controller has
// apart from the root of the hierarchy: where it is seen, another file's
// absence means that the kernel does not have it.
func witness(version int, controller string) string {
	if version == 1 {
		return map[string]string{"cpu": "cpu.shares", "memory": "memory.limit_in_bytes",
			"blkio": "blkio.throttle.read_bps_device", "pids": "pids.max", "cpuset": "cpuset.cpus"}[controller]
	}
	return map[string]string{"cpu": "cpu.max", "memory": "memory.max", "io": "io.max",
		"pids": "pids.max", "cpuset": "cpuset.cpus"}[controller]
}

// maxCgroups bounds the search of CgroupFile; each is a folder read.
const maxCgroups = 64

// CgroupFile tells whether the cgroups at root know a file. The root cgroup
// lacks what its children have (all limits of v2, a few of v1), so the cgroups
// below are searched for one that has the controller. Where there is none yet,
// it goes by other signs, see likely.
func (h *Host) CgroupFile(root, name string) bool {
	root = rootOrDefault(root)
	controller, _, _ := strings.Cut(name, ".")
	version := h.CgroupVersion(root)
	if version == 1 {
		root = filepath.Join(root, controller) // each controller has a hierarchy of its own
	}
	sure := witness(version, controller)
	queue := []string{root}
	for visited := 0; len(queue) > 0 && visited < maxCgroups; visited++ {
		cgroup := queue[0]
		queue = queue[1:]
		if h.exists(filepath.Join(cgroup, name)) {
			return true
		}
		if cgroup != root && sure != "" && h.exists(filepath.Join(cgroup, sure)) {
			return false
		}
		entries, _ := os.ReadDir(h.at(cgroup)) // cgroups come and go
		for _, entry := range entries {
			if entry.IsDir() {
				queue = append(queue, filepath.Join(cgroup, entry.Name()))
			}
		}
	}
	return h.likely(root, name)
}

// likely tells whether a cgroup's file would be there, on a host where no cgroup
// has the controller yet.
func (h *Host) likely(root, name string) bool {
	switch name {
	case "io.weight":
		// Of iocost (CONFIG_BLK_CGROUP_IOCOST, Linux 5.4), which has this file at the root.
		return h.exists(cgroupMount + "/io.cost.qos")
	case "io.bfq.weight":
		// Of the bfq scheduler, once its module is loaded; then disks offer it.
		schedulers, _ := filepath.Glob(h.at("/sys/block/*/queue/scheduler"))
		return slices.ContainsFunc(schedulers, func(file string) bool {
			offered, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(offered), "bfq")
		})
	case "blkio.bfq.weight":
		return h.exists(filepath.Join(root, "blkio.bfq.io_serviced"))
	case "pids.max":
		return h.exists(root)
	}
	// v1 has the rest at its root, where it was looked for.
	return h.CgroupVersion(root) == 2
}

func (h *Host) exists(path string) bool {
	_, err := os.Lstat(h.at(path))
	return err == nil
}
