package doctor

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"blackhole/spec"
)

// The results of a check of the host.
const (
	OK      = "ok"
	Warning = "warning" // services run, without something
	Fault   = "fault"   // services do not run, or not with what is asked for
)

// Check is one thing that services need of the host.
type Check struct {
	Name   string `json:"check"`
	Status string `json:"status"`
	Found  string `json:"found"`
	Advice string `json:"advice,omitempty"`
}

// Host is the host to check.
type Host struct {
	Spec   spec.Host
	Cgroup string   // resource_isolation.cgroup.root_path
	State  string   // folder of the containers' state, --root
	Logs   string   // folder of the services' output
	Known  []string // ids of the containers in State

	root string // in place of /, for tests
}

// Check looks at everything. It changes nothing and loads no module.
func (h *Host) Check() []Check {
	var found []Check
	for _, check := range []func() []Check{
		h.kernel, h.privileges, h.cgroups, h.managers, h.seccomp, h.pressure, h.swap, h.weights, h.features, h.forwarding, h.folders, h.room,
	} {
		found = append(found, check()...)
	}
	return found
}

func one(name, status, found, advice string) []Check { return []Check{{name, status, found, advice}} }

// at is where a path of the host is read.
func (h *Host) at(path string) string { return filepath.Join(h.root, path) }

// read is a file's content without the last newline; empty where it cannot be read.
func (h *Host) read(path string) string {
	data, err := os.ReadFile(h.at(path))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (h *Host) number(path string) (float64, bool) {
	n, err := strconv.ParseFloat(h.read(path), 64)
	return n, err == nil
}

// kernel: mount_setattr(2), for mounts that are read-only all the way down, is
// of Linux 5.12; nothing that blackhole uses is newer.
func (h *Host) kernel() []Check {
	const major, minor = 5, 12
	release := h.read("/proc/sys/kernel/osrelease")
	var x, y int
	_, err := fmt.Sscanf(release, "%d.%d", &x, &y)
	switch {
	case err != nil:
		return one("kernel", Warning, fmt.Sprintf("its release cannot be told: %q", release), "")
	case x < major || x == major && y < minor:
		return one("kernel", Fault, release, fmt.Sprintf("Linux %d.%d or newer is needed", major, minor))
	}
	return one("kernel", OK, release, "")
}

func (h *Host) privileges() []Check {
	var lacks []string
	for _, c := range []string{"CAP_SYS_ADMIN", "CAP_NET_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_KILL"} {
		if !h.Spec.HasCapability(c) {
			lacks = append(lacks, c)
		}
	}
	found := one("privileges", OK, "enough to run services", "")
	if lacks != nil {
		found = one("privileges", Fault, "this process lacks "+strings.Join(lacks, ", "), "run it as root")
	}
	if h.Spec.HasCapability("CAP_SYS_RESOURCE") {
		return append(found, Check{"CAP_SYS_RESOURCE", OK, "held: limits of descriptors and oom_score_adj are free", ""})
	}
	limit, _ := h.Spec.HardLimit("nofile")
	return append(found, Check{"CAP_SYS_RESOURCE", Warning, "not held",
		fmt.Sprintf("fds.hard cannot go above %d here, and oom_score_adj not below %d", limit, h.Spec.OOMScoreAdj())})
}

func (h *Host) seccomp() []Check {
	actions := h.read("/proc/sys/kernel/seccomp/actions_avail")
	if actions == "" {
		return one("seccomp", Fault, "the kernel has no filters", "CONFIG_SECCOMP_FILTER, or seccomp_profile: unconfined")
	}
	return one("seccomp", OK, "filters with "+actions, "")
}

// pressure: without it nothing tells how long services wait.
func (h *Host) pressure() []Check {
	_, err := os.ReadFile(h.at("/proc/pressure/memory"))
	switch {
	case err == nil && h.Spec.CgroupVersion(h.Cgroup) == 1:
		return one("pressure", Warning, "told for the host as a whole, not for services on cgroup v1", "cgroup v2")
	case err == nil:
		return one("pressure", OK, "told for each service", "")
	case errors.Is(err, unix.EOPNOTSUPP):
		return one("pressure", Warning, "PSI is off: nothing tells how long services wait", "boot with psi=1")
	}
	return one("pressure", Warning, "PSI is not in this kernel: nothing tells how long services wait", "CONFIG_PSI")
}

func (h *Host) swap() []Check {
	file := "memory.swap.max"
	if h.Spec.CgroupVersion(h.Cgroup) == 1 {
		file = "memory.memsw.limit_in_bytes"
	}
	total := h.meminfo("SwapTotal")
	switch {
	case total > 0 && !h.Spec.CgroupFile(h.Cgroup, file):
		return one("swap", Warning, size(total)+", not counted for each cgroup: memory.swap has no effect", "boot with swapaccount=1")
	case total == 0:
		return one("swap", OK, "none: what memory.swap allows is not there", "")
	}
	return one("swap", OK, size(total), "")
}

// meminfo is a line of /proc/meminfo in bytes.
func (h *Host) meminfo(key string) uint64 {
	for line := range strings.Lines(h.read("/proc/meminfo")) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == key+":" {
			kib, _ := strconv.ParseUint(fields[1], 10, 54)
			return kib << 10
		}
	}
	return 0
}

func (h *Host) weights() []Check {
	files := []string{"io.weight", "io.bfq.weight"}
	if h.Spec.CgroupVersion(h.Cgroup) == 1 {
		files = []string{"blkio.weight", "blkio.bfq.weight"}
	}
	for _, file := range files {
		if h.Spec.CgroupFile(h.Cgroup, file) {
			return one("disk weights", OK, file, "")
		}
	}
	return one("disk weights", Warning, "neither "+strings.Join(files, " nor ")+": io.weight has no effect",
		"modprobe bfq and choose it for the disk, or a kernel with CONFIG_BLK_CGROUP_IOCOST")
}

// forwarding is turned on with the first service that has a network of its own.
func (h *Host) forwarding() []Check {
	if h.read("/proc/sys/net/ipv4/ip_forward") == "1" {
		return one("forwarding", OK, "net.ipv4.ip_forward is on", "")
	}
	if err := unix.Access(h.at("/proc/sys/net/ipv4/ip_forward"), unix.W_OK); err != nil {
		return one("forwarding", Fault, "net.ipv4.ip_forward is off, and cannot be turned on from here", "sysctl -w net.ipv4.ip_forward=1")
	}
	return one("forwarding", OK, "off; the first isolated service turns it on", "")
}

// folders: a state that survives a reboot describes containers that did not.
func (h *Host) folders() []Check {
	var found []Check
	var fs unix.Statfs_t
	dir := existing(h.State)
	switch err := unix.Statfs(dir, &fs); {
	case err != nil:
		found = one("state folder", Fault, fmt.Sprintf("%s: %v", h.State, err), "")
	case fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC:
		found = one("state folder", Warning, h.State+" is on a disk: it survives a reboot, its containers do not", "a folder on a tmpfs")
	default:
		found = one("state folder", OK, h.State+" is in memory", "")
	}
	if free, total, err := Room(existing(h.Logs)); err == nil && float64(free) < lowRoom*float64(total) {
		return append(found, Check{"logs", Warning, fmt.Sprintf("%s has %s of %s left", h.Logs, size(free), size(total)), "make room there"})
	}
	return append(found, Check{"logs", OK, "room in " + h.Logs, ""})
}

// lowRoom is the part of a file system below which there is little left.
const lowRoom = 0.05

// Room is what a file system has for everybody, in bytes.
func Room(dir string) (free, total uint64, err error) {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return 0, 0, err
	}
	block := uint64(fs.Bsize)
	return fs.Bavail * block, fs.Blocks * block, nil
}

// existing is a folder, or the nearest above it that is there.
func existing(dir string) string {
	for {
		if _, err := os.Stat(dir); err == nil || dir == "/" || dir == "." {
			return dir
		}
		dir = filepath.Dir(dir)
	}
}

// room: what all of the host shares and has nearly used up.
func (h *Host) room() []Check {
	var found []Check
	if fields := strings.Fields(h.read("/proc/sys/fs/file-nr")); len(fields) == 3 { // allocated, unused, most
		open, err1 := strconv.ParseFloat(fields[0], 64)
		most, err2 := strconv.ParseFloat(fields[2], 64)
		if err1 == nil && err2 == nil {
			found = append(found, used("descriptors", open, most, "sysctl -w fs.file-max=…"))
		}
	}
	if most, ok := h.number("/proc/sys/kernel/pid_max"); ok {
		// The fourth field of loadavg is RUNNABLE/ALL threads, proc_loadavg(5).
		if fields := strings.Fields(h.read("/proc/loadavg")); len(fields) == 5 {
			_, all, _ := strings.Cut(fields[3], "/")
			if n, err := strconv.ParseFloat(all, 64); err == nil {
				found = append(found, used("processes", n, most, "sysctl -w kernel.pid_max=…"))
			}
		}
	}
	if total := h.meminfo("MemTotal"); total > 0 {
		available := h.meminfo("MemAvailable")
		c := Check{"memory", OK, fmt.Sprintf("%s of %s available", size(available), size(total)), ""}
		if float64(available) < lowRoom*float64(total) {
			c.Status, c.Advice = Warning, "lower limits of services: blackhole plan adds up"
		}
		found = append(found, c)
	}
	return append(found, h.load())
}

// load tells where the host as a whole is short of something, in the last minute.
func (h *Host) load() Check {
	c := Check{"host's load", OK, "nobody waits for long", ""}
	var short []string
	known := false
	for _, r := range []struct {
		file, what string
		most       float64 // percent of a minute in which some task waited
	}{{"cpu", "a CPU", 50}, {"memory", "memory", 10}, {"io", "disks", 40}} {
		var avg10, avg60 float64
		if _, err := fmt.Sscanf(h.read("/proc/pressure/"+r.file), "some avg10=%g avg60=%g", &avg10, &avg60); err != nil {
			continue
		}
		known = true
		if avg60 >= r.most {
			short = append(short, fmt.Sprintf("for %s during %.0f %% of the last minute", r.what, avg60))
		}
	}
	switch {
	case !known:
		c.Found = "not told: there is no pressure information"
	case short != nil:
		c.Status, c.Found, c.Advice = Warning, "tasks waited "+strings.Join(short, ", "), "fewer services here, or lower limits: blackhole plan adds up"
	}
	return c
}

func used(what string, n, most float64, advice string) Check {
	c := Check{"host's " + what, OK, fmt.Sprintf("%.0f of %.0f in use", n, most), ""}
	if n >= near*most {
		c.Status, c.Advice = Warning, advice
	}
	return c
}

// join lists words, and of many only the first.
func join(words []string) string {
	const shown = 5
	slices.Sort(words)
	if len(words) > shown+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:shown], ", "), len(words)-shown)
	}
	return strings.Join(words, ", ")
}
