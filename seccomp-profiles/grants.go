package profiles

import (
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// grants lists the calls that the default profile blocks and a capability is
// for. An operator who gives a service the capability means the call.
func grants() map[string][]string {
	return map[string][]string{
		"CAP_BPF":             {"bpf"},
		"CAP_DAC_READ_SEARCH": {"open_by_handle_at"},
		"CAP_PERFMON":         {"perf_event_open"},
		// Namespaces and mounts, and so the way to everything else.
		"CAP_SYS_ADMIN": {
			"bpf", "clone", "clone3", "fanotify_init", "fanotify_mark",
			"fsconfig", "fsmount", "fsopen", "fspick", "lookup_dcookie",
			"lsm_get_self_attr", "lsm_list_modules", "lsm_set_self_attr",
			"mount", "mount_setattr", "move_mount", "open_tree", "perf_event_open", "pivot_root",
			"quotactl", "quotactl_fd", "setdomainname", "sethostname", "setns", "syslog",
			"umount", "umount2", "unshare",
		},
		"CAP_SYS_BOOT":       {"reboot"},
		"CAP_SYS_CHROOT":     {"chroot"},
		"CAP_SYS_MODULE":     {"delete_module", "finit_module", "init_module"},
		"CAP_SYS_NICE":       {"migrate_pages", "move_pages", "process_madvise"},
		"CAP_SYS_PACCT":      {"acct"},
		"CAP_SYS_PTRACE":     {"kcmp", "pidfd_getfd", "process_madvise"},
		"CAP_SYS_RAWIO":      {"ioperm", "iopl"},
		"CAP_SYS_TIME":       {"clock_settime", "clock_settime64", "settimeofday", "stime"},
		"CAP_SYS_TTY_CONFIG": {"vhangup"},
		"CAP_SYSLOG":         {"syslog"},
	}
}

// Grant opens in p, a profile from Load(Default), what the capabilities (as the
// OCI writes them: CAP_SYS_TIME) are for, by the list above; CAP_NET_RAW opens
// packet sockets. It is not for other profiles: strict stays strict, and a
// profile of one's own says what it means.
func Grant(p *specs.LinuxSeccomp, capabilities []string) {
	var names []string
	for _, c := range capabilities {
		names = append(names, grants()[c]...)
	}
	if len(names) > 0 {
		slices.Sort(names)
		replaceRules(p, specs.LinuxSyscall{Names: slices.Compact(names), Action: specs.ActAllow})
	}
	if slices.Contains(capabilities, "CAP_NET_RAW") {
		replaceRules(p, specs.LinuxSyscall{
			Names:  []string{"socket"},
			Action: specs.ActAllow,
			Args:   []specs.LinuxSeccompArg{{Index: 0, Value: unix.AF_PACKET, Op: specs.OpEqualTo}},
		})
	}
}

// replaceRules adds a rule in place of those it makes void: for each of its
// names, all rules if it has no args, else the one with the same.
func replaceRules(p *specs.LinuxSeccomp, rule specs.LinuxSyscall) {
	for i := range p.Syscalls {
		old := &p.Syscalls[i]
		if len(rule.Args) == 0 || slices.Equal(rule.Args, old.Args) {
			old.Names = slices.DeleteFunc(old.Names, func(n string) bool { return slices.Contains(rule.Names, n) })
		}
	}
	p.Syscalls = slices.DeleteFunc(p.Syscalls, func(r specs.LinuxSyscall) bool { return len(r.Names) == 0 })
	p.Syscalls = append(p.Syscalls, rule)
}
