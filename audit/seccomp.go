package audit

import (
	"fmt"
	"strings"

	profiles "blackhole/seccomp-profiles"
)

// callGroups are system calls that few services need, by what they open.
func callGroups() []struct {
	what   string
	weight float64
	calls  []string
} {
	return []struct {
		what   string
		weight float64
		calls  []string
	}{
		{"mounts and namespaces", 0.2, []string{
			"mount", "umount2", "pivot_root", "move_mount", "open_tree", "fsopen", "fsmount", "mount_setattr", "unshare", "setns",
		}},
		{"the kernel itself", 0.35, []string{
			"init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "bpf", "perf_event_open",
			"iopl", "ioperm", "reboot", "swapon", "swapoff", "acct", "syslog",
		}},
		{"other processes' memory", 0.2, []string{"ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "move_pages"}},
		{"keyrings", 0.1, []string{"add_key", "request_key", "keyctl"}},
		{"rarely used, often attacked", 0.2, []string{
			"io_uring_setup", "userfaultfd", "open_by_handle_at", "fanotify_init", "modify_ldt", "uselib", "ustat", "sysfs",
		}},
		{"the clock", 0.1, []string{"clock_settime", "settimeofday", "stime"}},
	}
}

func (a *auditor) seccomp() {
	const key, oci = "security.seccomp_profile", "linux.seccomp"
	profile := a.linux.Seccomp
	filter := Check{Name: "system call filter", Weight: 0.6, Service: key, OCI: oci, Found: "there is one"}
	part := 0.0
	if profile == nil {
		part = 1
		filter.Found, filter.Advice = "none: every system call of the kernel is open", "default or strict"
	}
	a.add(part, filter)
	for _, group := range callGroups() {
		var open, partly []string
		for _, call := range group.calls {
			switch profiles.Allows(profile, call) {
			case profiles.Allowed:
				open = append(open, call)
			case profiles.Partly:
				partly = append(partly, call)
			}
		}
		c := Check{Name: "system calls: " + group.what, Weight: group.weight, Service: key, OCI: oci, Found: "blocked"}
		part := 0.0
		switch {
		case open != nil:
			// A group is mostly as open as its widest call.
			part = 0.5 + 0.5*float64(len(open))/float64(len(group.calls))
			c.Found, c.Advice = "open: "+list(open), "a profile without them"
		case partly != nil:
			part = 0.3
			c.Found, c.Advice = "open with some arguments: "+list(partly), "a profile without them"
		}
		a.add(part, c)
	}
}

// list names what there is, and of many only the first.
func list(words []string) string {
	const shown = 4
	if len(words) > shown+1 {
		return fmt.Sprintf("%s and %d more", strings.Join(words[:shown], ", "), len(words)-shown)
	}
	return strings.Join(words, ", ")
}
