//go:build cgo && seccomp

package profiles

import (
	"maps"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
	libseccomp "github.com/seccomp/libseccomp-golang"
)

// strictDifferences is every 64-bit call that Strict treats in another way than
// Default; strict.jsonc's header says the same to its reader.
func strictDifferences() []explained {
	return []explained{
		{
			why:  "programs from memory",
			ours: "EPERM", theirs: "allow",
			calls: []string{"execveat", "memfd_create", "memfd_secret"},
		},
		{
			why:  "namespaces: unshare altogether",
			ours: "EPERM", theirs: "allow",
			calls: []string{"unshare(0x0)", "unshare(0x200)", "unshare(0x10900)"},
		},
		{
			why:  "other processes",
			ours: "EPERM", theirs: "allow",
			calls: []string{"ptrace", "process_vm_readv", "process_vm_writev"},
		},
		{
			why:  "raw sockets",
			ours: "EPERM", theirs: "allow",
			calls: []string{
				"socket(2, 0x3)", "socket(2, 0x803)", "socket(2, 0xa)", "socket(10, 0x3)", "socket(10, 0x803)", "socket(10, 0xa)",
				"socket(16, 3, 4)", "socket(16, 3, 12)", "socket(16, 3, 15)",
			},
		},
		{
			why:  "the families that default names to refuse them, here by the default action",
			ours: "EPERM", theirs: "EAFNOSUPPORT",
			calls: socketFamilies(3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
				28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47),
		},
		{
			why:  "devices",
			ours: "EPERM", theirs: "allow",
			calls: []string{"mknod(020000)", "mknod(060000)", "mknodat(020000)", "mknodat(060000)"},
		},
		{
			why:  "personality",
			ours: "EPERM", theirs: "allow",
			calls: []string{"personality(0x0)", "personality(0x8)", "personality(0xffffffff)"},
		},
		{
			why:  "clock",
			ours: "EPERM", theirs: "allow",
			calls: []string{"adjtimex", "clock_adjtime"},
		},
		{
			why:  "NUMA placement",
			ours: "EPERM", theirs: "allow",
			calls: []string{"get_mempolicy", "mbind", "set_mempolicy", "set_mempolicy_home_node"},
		},
		{
			why:  "handles",
			ours: "EPERM", theirs: "allow",
			calls: []string{"name_to_handle_at"},
		},
		{
			why:  "thread segments of 32-bit programs; 64-bit ones have arch_prctl",
			ours: "EPERM", theirs: "allow",
			calls: []string{"get_thread_area", "set_thread_area"},
		},
	}
}

func TestStrictAgainstDefault(t *testing.T) {
	onlyAMD64(t)
	strict, err := Load(Strict)
	if err != nil {
		t.Fatal(err)
	}
	found := compareProfiles(t, strict, granted(t))
	maps.DeleteFunc(found, func(call string, _ difference) bool {
		return isSyscall(call) && !existsOn(call, specs.ArchX86_64, specs.ArchAARCH64)
	})
	checkExplained(t, found, strictDifferences())
}

// existsOn tells whether one of the architectures has the call: libseccomp gives
// it a number, not below zero as for calls of others.
func existsOn(name string, archs ...specs.Arch) bool {
	for _, arch := range archs {
		if n, err := libseccomp.GetSyscallFromNameByArch(name, scmpArch(arch)); err == nil && n >= 0 {
			return true
		}
	}
	return false
}

// A name that none of a profile's architectures has is a line that does nothing.
func TestNamesExist(t *testing.T) {
	for _, profile := range []string{Default, Strict} {
		data, err := files.ReadFile(profile + ".jsonc")
		if err != nil {
			t.Fatal(err)
		}
		p, err := parse(data)
		if err != nil {
			t.Fatal(err)
		}
		twice := map[string]bool{}
		for _, rule := range p.Syscalls {
			for _, name := range rule.Names {
				if _, newer := newerSyscalls()[name]; !newer && !existsOn(name, p.Architectures...) {
					t.Errorf("%s: %s exists on none of %v", profile, name, p.Architectures)
				}
				if len(rule.Args) == 0 && twice[name] {
					t.Errorf("%s: %s stands twice", profile, name)
				}
				twice[name] = true
			}
		}
	}
}
