package profiles

import (
	"fmt"
	"maps"
	"runtime"
	"slices"
	"testing"

	moby "github.com/moby/profiles/seccomp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// engineDifferences is every call that Default treats in another way than the
// container engines' default profile (github.com/moby/profiles/seccomp), for a
// service without a capability that either profile asks for, on x86_64.
func engineDifferences() []explained {
	return []explained{
		// What we allow.
		{
			why:  "they place the caller's own memory inside cpuset.mems; databases and the JVM use them",
			ours: "allow", theirs: "EPERM",
			calls: []string{"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"},
		},
		{
			why:  "without a namespace's flag it only stops sharing inside the process; smbd needs it",
			ours: "allow", theirs: "EPERM",
			calls: []string{"unshare(0x0)", "unshare(0x200)", "unshare(0x10900)"},
		},
		{
			why:  "ARM's own; our profile is one file for all machines, and x86 has no such numbers",
			ours: "allow", theirs: "EPERM",
			calls: []string{"arm_fadvise64_64", "arm_sync_file_range", "breakpoint", "cacheflush", "set_tls"},
		},

		// What we block.
		{
			why:  "its arguments lie behind a pointer, and any program can call it: the bar on socket families would not hold",
			ours: "ENOSYS", theirs: "allow",
			calls: []string{"socketcall"},
		},
		{
			why:  "segments are for 16-bit programs and Wine, and had root exploits (CVE-2015-5157)",
			ours: "EPERM", theirs: "allow",
			calls: []string{"modify_ldt"},
		},
		{
			why:  "the kernel has had no code behind these numbers since 2.6",
			ours: "EPERM", theirs: "allow",
			calls: []string{"epoll_ctl_old", "epoll_wait_old"},
		},
		{
			why:  "of no use without fanotify_init, which both block",
			ours: "EPERM", theirs: "allow",
			calls: []string{"fanotify_mark"},
		},
		{
			why:  "RISC-V's; our profile is not written for it",
			ours: "EPERM", theirs: "allow",
			calls: []string{"riscv_hwprobe"},
		},
		{
			why:  "a kernel that calls itself 2.6 (UNAME26) helped programs of 2011",
			ours: "EPERM", theirs: "allow",
			calls: []string{"personality(0x20000)", "personality(0x20008)"},
		},
		{
			why:  "families that services do not speak; making such a socket loads the family's kernel module",
			ours: "EAFNOSUPPORT", theirs: "allow",
			calls: socketFamilies(7, 8, 9, 13, 14, 15, 18, 21, 22, 24, 26, 27, 28, 29, 30, 31, 32, 33, 35, 36, 39, 41, 42, 43, 44, 45),
		},
		{
			why:  "AF_PACKET needs CAP_NET_RAW in the kernel, and comes with it here (TestGrants)",
			ours: "EAFNOSUPPORT", theirs: "allow",
			calls: socketFamilies(17),
		},
		{
			why:  "AF_UNSPEC: nobody can make one; the engines' range happens to begin below it",
			ours: "EPERM", theirs: "allow",
			calls: socketFamilies(0),
		},
		{
			why:  "only unix sockets come in pairs; the kernel would load the family's module, then refuse",
			ours: "EPERM", theirs: "allow",
			calls: []string{"socketpair(2)", "socketpair(16)", "socketpair(30)", "socketpair(38)", "socketpair(40)"},
		},

		// What both block.
		{
			why:  "AF_ALG, AF_VSOCK, families of the past and numbers without a family: programs know what to do without a family, not without permission",
			ours: "EAFNOSUPPORT", theirs: "EPERM",
			calls: socketFamilies(3, 4, 5, 6, 11, 12, 19, 20, 23, 25, 34, 37, 38, 40, 46, 47),
		},
	}
}

// grantDifferences is the same for what a capability opens.
func grantDifferences() map[string][]explained {
	return map[string][]explained{
		"CAP_SYS_ADMIN": {{
			why:  "with mount and chroot open it adds nothing but that sandboxes (bubblewrap) work",
			ours: "allow", theirs: "EPERM",
			calls: []string{"pivot_root"},
		}},
		"CAP_SYS_NICE": {{
			why:  "moving pages of processes that the service may trace already, which is what the capability is for (capabilities(7))",
			ours: "allow", theirs: "EPERM",
			calls: []string{"migrate_pages", "move_pages", "process_madvise"},
		}},
	}
}

func socketFamilies(families ...int) []string {
	var calls []string
	for _, f := range families {
		calls = append(calls, fmt.Sprintf("socket(%d)", f))
	}
	return calls
}

func TestDefaultAgainstEngines(t *testing.T) {
	onlyAMD64(t)
	for _, capabilities := range [][]string{nil, {"CAP_NET_BIND_SERVICE"}} {
		ours, theirs := granted(t, capabilities...), engines(t, capabilities...)
		checkExplained(t, compareProfiles(t, ours, theirs), engineDifferences())
	}
	// x32 is the one architecture that we leave out, see default.jsonc.
	ours, theirs := granted(t).Architectures, engines(t).Architectures
	if !slices.Equal(append(slices.Clone(ours), specs.ArchX32), theirs) {
		t.Errorf("architectures %v, the engines' %v", ours, theirs)
	}
}

// Each capability that opens calls in either profile opens the same in both.
func TestGrantsAgainstEngines(t *testing.T) {
	onlyAMD64(t)
	plain := compareProfiles(t, granted(t), engines(t))
	capabilities := slices.Collect(maps.Keys(grants()))
	for _, rule := range moby.DefaultProfile().Syscalls {
		if rule.Includes != nil {
			capabilities = append(capabilities, rule.Includes.Caps...)
		}
	}
	slices.Sort(capabilities)
	for _, capability := range slices.Compact(capabilities) {
		t.Run(capability, func(t *testing.T) {
			found := compareProfiles(t, granted(t, capability), engines(t, capability))
			maps.DeleteFunc(found, func(call string, d difference) bool { return plain[call] == d })
			checkExplained(t, found, grantDifferences()[capability])
		})
	}
}

func onlyAMD64(t *testing.T) {
	t.Helper()
	if runtime.GOARCH != "amd64" {
		t.Skip("the table is for x86_64")
	}
}

func granted(t *testing.T, capabilities ...string) *specs.LinuxSeccomp {
	t.Helper()
	p, err := Load(Default)
	if err != nil {
		t.Fatal(err)
	}
	Grant(p, capabilities)
	return p
}

func engines(t *testing.T, capabilities ...string) *specs.LinuxSeccomp {
	t.Helper()
	p, err := moby.GetDefaultProfile(&specs.Spec{Process: &specs.Process{
		Capabilities: &specs.LinuxCapabilities{Bounding: capabilities},
	}})
	if err != nil {
		t.Fatal(err)
	}
	return p
}
