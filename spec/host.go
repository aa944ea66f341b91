package spec

import "io/fs"

// Host answers what a translation and a validation need to know of the host.
// Package spec/host reads the real one; tests give a fixed one.
type Host interface {
	// CgroupVersion is 2 on a host whose resource controllers are on the
	// unified hierarchy at root, else 1.
	CgroupVersion(root string) int
	// Controllers lists what the cgroup at root may hand to its children, as
	// v2 names (io, not blkio), sorted. It fails where root is not a cgroup.
	Controllers(root string) ([]string, error)
	// CPUs lists the CPUs online.
	CPUs() ([]int, error)
	// User looks user and group (names or numbers, empty for root and for the
	// user's own group) up in rootfs's /etc/passwd and /etc/group.
	User(rootfs, user, group string) (User, error)
	// Disks lists the whole disks behind a path: through partitions, loop
	// devices and device-mapper; of a path that does not exist yet, those of
	// its nearest parent. It fails where there is none (tmpfs, NFS).
	Disks(path string) ([]Disk, error)
	// Stat tells what is at an absolute path, links not followed. It fails
	// with fs.ErrNotExist where nothing is.
	Stat(path string) (File, error)
	// HardLimit is the present hard limit of a resource (getrlimit(2) name
	// without RLIMIT_, lower case), as the services would inherit it.
	HardLimit(resource string) (uint64, error)
	// HasCapability tells whether this process may give a privilege.
	HasCapability(name string) bool
	// OOMScoreAdj is this process's own; below it needs CAP_SYS_RESOURCE.
	OOMScoreAdj() int
	// CgroupFile tells whether the cgroups at root know a file ("memory.swap.max",
	// on v1 "memory.memsw.limit_in_bytes").
	CgroupFile(root, name string) bool
}

// User is a user as the kernel knows it.
type User struct {
	UID, GID       uint32
	AdditionalGIDs []uint32
	Home           string
}

// Disk is a whole block device.
type Disk struct {
	Name         string // as under /sys/block: vda, dm-0
	Major, Minor int64
}

// File is what Host.Stat tells.
type File struct {
	Mode fs.FileMode
	Link string // where a symbolic link points, as written
}
