package host

import (
	"io/fs"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// mounted makes statfs answer cgroup2 for what lies in folders, and tmpfs for the rest.
func mounted(h *Host, cgroup2 ...string) *Host {
	h.stat = func(path string) (device, error) {
		if h.exists(path) {
			return device{}, nil
		}
		return device{}, &fs.PathError{Op: "stat", Path: path, Err: fs.ErrNotExist}
	}
	h.statfs = func(path string) (int64, error) {
		if !h.exists(path) {
			return 0, &fs.PathError{Op: "statfs", Path: path, Err: fs.ErrNotExist}
		}
		for _, folder := range cgroup2 {
			if within(path, folder) {
				return unix.CGROUP2_SUPER_MAGIC, nil
			}
		}
		return unix.TMPFS_MAGIC, nil
	}
	return h
}

func TestCgroupVersion(t *testing.T) {
	files := map[string]string{"/sys/fs/cgroup/unified/": "", "/sys/fs/cgroup/user.slice/": ""}
	for _, row := range []struct {
		mounts []string
		root   string
		want   int
	}{
		{[]string{"/sys/fs/cgroup"}, "/sys/fs/cgroup", 2},
		{[]string{"/sys/fs/cgroup"}, "", 2},
		{[]string{"/sys/fs/cgroup"}, "/sys/fs/cgroup/user.slice/made/later", 2},
		{[]string{"/sys/fs/cgroup"}, "/var/lib", 1},
		{nil, "/sys/fs/cgroup", 1},
		{[]string{"/sys/fs/cgroup/unified"}, "/sys/fs/cgroup", 1},
		{[]string{"/sys/fs/cgroup/unified"}, "/sys/fs/cgroup/unified", 1}, // hybrid: runtimes use v1
	} {
		if got := mounted(fake(t, files), row.mounts...).CgroupVersion(row.root); got != row.want {
			t.Errorf("%q with cgroup2 at %v: got %d, want %d", row.root, row.mounts, got, row.want)
		}
	}
}

const v1Mounts = `31 23 0:28 / /sys/fs/cgroup rw shared:9 - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 31 0:30 / /sys/fs/cgroup/blkio rw - cgroup cgroup rw,blkio
34 31 0:31 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
35 31 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
37 27 0:34 / /srv/elsewhere/pids rw - cgroup cgroup rw,pids
`

func TestControllers(t *testing.T) {
	v1 := mounted(fake(t, map[string]string{"/proc/self/mountinfo": v1Mounts}))
	got, err := v1.Controllers("/sys/fs/cgroup")
	if want := []string{"cpu", "io"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("v1: got %v, %v; want %v", got, err, want)
	}
	if _, err := v1.Controllers("/var/lib"); err == nil || !strings.Contains(err.Error(), "/var/lib") {
		t.Errorf("v1: got %v for a folder without cgroups", err)
	}
	v2 := mounted(fake(t, map[string]string{
		"/sys/fs/cgroup/cgroup.controllers":           "cpuset cpu io memory pids\n",
		"/sys/fs/cgroup/delegated/cgroup.controllers": "pids memory\n",
	}), "/sys/fs/cgroup")
	got, err = v2.Controllers("/sys/fs/cgroup/delegated")
	if want := []string{"memory", "pids"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("v2: got %v, %v; want %v", got, err, want)
	}
	if _, err := v2.Controllers("/sys/fs/cgroup/nosuch"); err == nil || !strings.Contains(err.Error(), "/sys/fs/cgroup/nosuch is not a cgroup") {
		t.Errorf("v2: got %v for a folder that is not there", err)
	}
}

func TestCgroupFile(t *testing.T) {
	const root = "/sys/fs/cgroup"
	for name, host := range map[string]struct {
		files   map[string]string
		cgroup2 []string
		want    map[string]bool
	}{
		"v2 with a child": {map[string]string{
			root + "/cgroup.controllers": "", root + "/io.cost.qos": "",
			root + "/empty/cgroup.procs":           "",
			root + "/empty/a/memory.max":           "",
			root + "/empty/a/memory.high":          "",
			root + "/empty/a/io.max":               "",
			"/sys/block/sda/queue/scheduler":       "[none] bfq\n",
			root + "/empty/a/deeper/cpu.max":       "",
			root + "/empty/a/deeper/cpu.max.burst": "",
		}, []string{root}, map[string]bool{
			"memory.high": true, "memory.swap.max": false, "cpu.max.burst": true,
			"io.weight": false, "io.bfq.weight": false, // seen not to be there
			"pids.max": true, // no child tells
		}},
		"v2, nothing enabled, bfq": {map[string]string{
			root + "/cgroup.controllers":     "cpu io",
			"/sys/block/sda/queue/scheduler": "none mq-deadline [bfq]\n",
		}, []string{root}, map[string]bool{"io.bfq.weight": true, "io.weight": false, "cpu.max.burst": true, "cpu.weight": true}},
		"v2, nothing enabled, iocost": {map[string]string{
			root + "/io.cost.qos":            "",
			"/sys/block/sda/queue/scheduler": "[none]\n",
		}, []string{root}, map[string]bool{"io.bfq.weight": false, "io.weight": true}},
		"v1": {map[string]string{
			root + "/memory/memory.limit_in_bytes": "", root + "/memory/memory.memsw.limit_in_bytes": "",
			root + "/cpu/cpu.shares": "", root + "/blkio/blkio.throttle.read_bps_device": "",
			root + "/blkio/blkio.bfq.io_serviced": "", root + "/pids/tasks": "",
		}, nil, map[string]bool{
			"memory.memsw.limit_in_bytes": true, "memory.kmem.limit_in_bytes": false, "cpu.cfs_burst_us": false,
			"blkio.bfq.weight": true, "blkio.weight": false, "pids.max": true, "hugetlb.2MB.limit_in_bytes": false,
		}},
		"v1 with a child": {map[string]string{
			root + "/blkio/blkio.bfq.io_serviced": "", root + "/blkio/a/blkio.throttle.read_bps_device": "",
			root + "/blkio/a/blkio.bfq.weight": "",
		}, nil, map[string]bool{"blkio.bfq.weight": true, "blkio.weight": false}},
	} {
		h := mounted(fake(t, host.files), host.cgroup2...)
		for file, want := range host.want {
			if got := h.CgroupFile(root, file); got != want {
				t.Errorf("%s: %s: got %v, want %v", name, file, got, want)
			}
		}
	}
}
