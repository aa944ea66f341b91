package profiles

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// probe is one call of a system call.
type probe struct {
	label string
	args  [6]uint64
}

// probesOf are the calls by which two profiles are compared: one where no
// profile looks at the arguments, else one for each case that either tells
// apart.
func probesOf(name string) []probe {
	var probes []probe
	add := func(label string, args ...uint64) {
		p := probe{label: label}
		copy(p.args[:], args)
		probes = append(probes, p)
	}
	switch name {
	case "socketpair":
		for _, family := range []uint64{unix.AF_UNIX, unix.AF_INET, unix.AF_NETLINK, unix.AF_TIPC, unix.AF_ALG, unix.AF_VSOCK} {
			add(fmt.Sprintf("socketpair(%d)", family), family, unix.SOCK_STREAM, 0)
		}
	case "socket":
		for family := range uint64(48) { // AF_MAX is 46 in Linux 6.18
			add(fmt.Sprintf("socket(%d)", family), family, unix.SOCK_STREAM, 0)
		}
		for _, family := range []uint64{unix.AF_INET, unix.AF_INET6} {
			for _, kind := range []uint64{unix.SOCK_DGRAM, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC, unix.SOCK_RAW, unix.SOCK_RAW | unix.SOCK_NONBLOCK, unix.SOCK_PACKET} {
				add(fmt.Sprintf("socket(%d, %#x)", family, kind), family, kind, 0)
			}
		}
		for _, protocol := range []uint64{unix.NETLINK_SOCK_DIAG, unix.NETLINK_NETFILTER, unix.NETLINK_KOBJECT_UEVENT} {
			add(fmt.Sprintf("socket(16, 3, %d)", protocol), unix.AF_NETLINK, unix.SOCK_RAW, protocol)
		}
	case "personality":
		for _, value := range []uint64{0, 0x8, 0x20000, 0x20008, 0x40000, 0x100000, 0xffffffff} {
			add(fmt.Sprintf("personality(%#x)", value), value)
		}
	case "clone", "unshare":
		for _, flags := range []uint64{
			0, unix.CLONE_FS, unix.CLONE_THREAD | unix.CLONE_VM | unix.CLONE_SIGHAND, unix.CLONE_NEWNS, unix.CLONE_NEWUTS,
			unix.CLONE_NEWIPC, unix.CLONE_NEWUSER, unix.CLONE_NEWPID, unix.CLONE_NEWNET, unix.CLONE_NEWCGROUP, unix.CLONE_NEWTIME,
		} {
			if name == "clone" && flags == unix.CLONE_NEWTIME {
				continue // the same bit is part of the exit signal
			}
			add(fmt.Sprintf("%s(%#x)", name, flags), flags)
		}
	case "mknod", "mknodat":
		for _, mode := range []uint64{0o644, unix.S_IFREG, unix.S_IFIFO, unix.S_IFSOCK, unix.S_IFCHR, unix.S_IFBLK} {
			args := []uint64{0, mode, 0}
			if name == "mknodat" {
				args = []uint64{0, 0, mode}
			}
			add(fmt.Sprintf("%s(%#o)", name, mode), args...)
		}
	default:
		add(name)
	}
	return probes
}

// decide is what a profile's filter does with a call, by libseccomp's rules: a
// rule without arguments wins.
func decide(p *specs.LinuxSeccomp, name string, args [6]uint64) string {
	result := resultOf(specs.LinuxSyscall{Action: p.DefaultAction, ErrnoRet: p.DefaultErrnoRet})
	for _, rule := range p.Syscalls {
		if !slices.Contains(rule.Names, name) || !matches(rule.Args, args[:]) {
			continue
		}
		result = resultOf(rule)
		if len(rule.Args) == 0 {
			return result
		}
	}
	return result
}

func resultOf(rule specs.LinuxSyscall) string {
	switch rule.Action {
	case specs.ActAllow:
		return "allow"
	case specs.ActErrno:
		return unix.ErrnoName(unix.Errno(errnoOf(rule)))
	default:
		return string(rule.Action)
	}
}

// difference is how two profiles treat one call.
type difference struct{ ours, theirs string }

// compareProfiles returns the calls that two profiles treat differently, by the
// probes' labels.
func compareProfiles(t *testing.T, ours, theirs *specs.LinuxSeccomp) map[string]difference {
	t.Helper()
	names := map[string]bool{}
	for _, p := range []*specs.LinuxSeccomp{ours, theirs} {
		for _, rule := range p.Syscalls {
			for _, name := range rule.Names {
				names[name] = true
				if len(rule.Args) > 0 && len(probesOf(name)) == 1 {
					t.Errorf("%s has rules about its arguments, and probesOf has one call of it", name)
				}
			}
		}
	}
	out := map[string]difference{}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		for _, probe := range probesOf(name) {
			d := difference{decide(ours, name, probe.args), decide(theirs, name, probe.args)}
			if d.ours != d.theirs {
				out[probe.label] = d
			}
		}
	}
	return out
}

// explained is one reason for some differences.
type explained struct {
	why    string
	ours   string
	theirs string
	calls  []string // labels of probes
}

// checkExplained fails for every difference without a reason, and for every
// reason without a difference.
func checkExplained(t *testing.T, found map[string]difference, table []explained) {
	t.Helper()
	found = maps.Clone(found)
	for _, row := range table {
		for _, call := range row.calls {
			want := difference{row.ours, row.theirs}
			got, ok := found[call]
			switch {
			case !ok:
				t.Errorf("stale: %s is no difference (%s)", call, row.why)
			case got != want:
				t.Errorf("%s: %+v, the table has %+v", call, got, want)
			}
			delete(found, call)
		}
	}
	for _, call := range slices.Sorted(maps.Keys(found)) {
		t.Errorf("not explained: %s: ours %s, theirs %s", call, found[call].ours, found[call].theirs)
	}
}
