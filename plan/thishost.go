package plan

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"blackhole/spec"
)

// ThisHost reads what this machine has. What cannot be read is not known. cgroup
// is resource_isolation.cgroup.root_path: a limit of it, or of a cgroup above
// it, is all that there is to plan with.
func ThisHost(h spec.Host, cgroup string) (Host, error) {
	return readHost("/", h, cgroup)
}

func readHost(root string, sh spec.Host, cgroup string) (Host, error) {
	f := files{root}
	h := Host{Name: "this host"}
	var err error
	if h.CPUs, err = sh.CPUs(); err != nil {
		return h, err
	}
	h.Memory, h.Swap = f.meminfo("MemTotal"), f.meminfo("SwapTotal")
	h.Files, h.FilesEach = f.number("/proc/sys/fs/file-max"), f.number("/proc/sys/fs/nr_open")
	h.Pids = least(f.number("/proc/sys/kernel/pid_max"), f.number("/proc/sys/kernel/threads-max"))
	h.Network = f.linkSpeed()
	h.Listening = append(f.sockets("tcp"), f.sockets("udp")...)
	if sh.CgroupVersion(cgroup) == 2 {
		h.boundV2(f, cgroup)
	} else {
		h.boundV1(f)
	}
	return h, nil
}

// boundV2 takes the limits of the cgroups that the services are below.
func (h *Host) boundV2(f files, cgroup string) {
	const mount = "/sys/fs/cgroup"
	for dir := filepath.Join(cgroup, "blackhole"); strings.HasPrefix(dir, mount+"/"); dir = filepath.Dir(dir) {
		h.bound(&h.Memory, f.number(dir+"/memory.max"), "memory", dir)
		h.bound(&h.Swap, f.number(dir+"/memory.swap.max"), "swap", dir)
		h.bound(&h.Pids, f.number(dir+"/pids.max"), "pids", dir)
	}
}

// boundV1 takes the memory limit of this process's own cgroup, below which
// runtimes put containers there.
func (h *Host) boundV1(f files) {
	for line := range strings.Lines(f.read("/proc/self/cgroup")) {
		if fields := strings.SplitN(strings.TrimSpace(line), ":", 3); len(fields) == 3 && fields[1] == "memory" {
			dir := filepath.Join("/sys/fs/cgroup/memory", fields[2])
			h.bound(&h.Memory, f.number(dir+"/memory.limit_in_bytes"), "memory", dir)
		}
	}
}

func (h *Host) bound(have **uint64, limit *uint64, what, dir string) {
	if limit != nil && (*have == nil || *limit < **have) {
		*have = limit
		h.Notes = append(h.Notes, fmt.Sprintf("%s is that of cgroup %s", what, dir))
	}
}

func least(a, b *uint64) *uint64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// files reads below root, which a test replaces.
type files struct{ root string }

func (f files) read(path string) string {
	data, err := os.ReadFile(filepath.Join(f.root, path))
	if err != nil {
		return ""
	}
	return string(data)
}

// number reads a file of one number; "max" and what is not there is nil.
func (f files) number(path string) *uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(f.read(path)), 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

// meminfo is a line of /proc/meminfo in bytes.
func (f files) meminfo(key string) *uint64 {
	for line := range strings.Lines(f.read("/proc/meminfo")) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == key+":" {
			if kib, err := strconv.ParseUint(fields[1], 10, 64); err == nil {
				kib <<= 10
				return &kib
			}
		}
	}
	return nil
}

// linkSpeed is that of the interface of the default route, in bytes a second:
// Documentation/ABI/testing/sysfs-class-net has Mbit/s, and -1 or an error
// where there is no such thing, as with most virtual ones.
func (f files) linkSpeed() *uint64 {
	for line := range strings.Lines(f.read("/proc/net/route")) {
		if fields := strings.Fields(line); len(fields) > 2 && fields[1] == "00000000" {
			if speed := f.number("/sys/class/net/" + fields[0] + "/speed"); speed != nil && *speed < 1<<31 { // old kernels: -1 unsigned
				bytes := *speed * 1e6 / 8
				return &bytes
			}
		}
	}
	return nil
}

// sockets lists what listens, from /proc/net/tcp and its like (proc_pid_net(5)):
//
//	sl  local_address rem_address   st …
//	0: 0100007F:18EB 00000000:0000 0A …
//
// For UDP that is what has no peer.
func (f files) sockets(protocol string) []Endpoint {
	const listen, unconnected = "0A", "07"
	var found []Endpoint
	for _, family := range []string{"", "6"} {
		for line := range strings.Lines(f.read("/proc/net/" + protocol + family)) {
			fields := strings.Fields(line)
			if len(fields) < 4 || fields[3] != map[string]string{"tcp": listen, "udp": unconnected}[protocol] {
				continue
			}
			address, port, _ := strings.Cut(fields[1], ":")
			number, err := strconv.ParseUint(port, 16, 16)
			raw, err2 := hex.DecodeString(address)
			if err != nil || err2 != nil || len(raw)%4 != 0 {
				continue
			}
			for i := 0; i < len(raw); i += 4 { // words in the machine's byte order
				binary.BigEndian.PutUint32(raw[i:], binary.NativeEndian.Uint32(raw[i:]))
			}
			if addr, ok := netip.AddrFromSlice(raw); ok {
				found = append(found, Endpoint{addr.Unmap(), uint16(number), protocol})
			}
		}
	}
	return found
}
