package audit

import (
	"fmt"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	profiles "blackhole/seccomp-profiles"
)

// privileges checks who the process is and what it may become.
func (a *auditor) privileges() {
	user := Check{Name: "user", Weight: 0.8, Service: "security.user", OCI: "process.user.uid",
		Found: fmt.Sprintf("runs as user %d", a.process.User.UID)}
	part := 0.0
	switch {
	case a.hostRoot():
		part = 1
		user.Found = "runs as root, the same root as the host's"
		user.Advice = "a user of its own"
	case a.root:
		part = 0.25
		user.Found = "runs as root of a user namespace"
		user.Advice = "a user of its own"
	}
	a.add(part, user)

	group := Check{Name: "groups", Weight: 0.05, Service: "security.group", OCI: "process.user.gid", Found: "no group of root's"}
	if part = 0; !a.mapped && (a.process.User.GID == 0 || slices.Contains(a.process.User.AdditionalGids, 0)) {
		part = 1
		group.Found, group.Advice = "is in group 0, which owns files of root's", "a group of its own"
	}
	a.add(part, group)

	nnp := Check{Name: "new privileges", Weight: 0.5, Service: "security.no_new_privs", OCI: "process.noNewPrivileges",
		Found: "no program that it starts gains privileges"}
	if part = 0; !a.process.NoNewPrivileges {
		part = 1
		nnp.Found, nnp.Advice = "setuid programs and file capabilities give it privileges", "true"
	}
	a.add(part, nnp)
	a.capabilities()
}

// capabilities that the process has, or may get by a program that it starts.
func capabilities(config *specs.Spec) []string {
	p := config.Process
	if p.Capabilities == nil { // runtimes give it none then
		return nil
	}
	sets := [][]string{p.Capabilities.Effective, p.Capabilities.Permitted, p.Capabilities.Ambient}
	if p.User.UID == 0 || !p.NoNewPrivileges { // execve(2) gives it these as well
		sets = append(sets, p.Capabilities.Bounding)
	}
	all := slices.Concat(sets...)
	for i := range all {
		all[i] = strings.ToUpper(all[i])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (a *auditor) has(capability string) bool { return slices.Contains(a.caps, capability) }

// danger says how much of a group's weight a capability is.
type danger map[string]float64

// capabilityGroups are all capabilities of capabilities(7) but CAP_NET_BIND_SERVICE,
// which exposes nothing, by what they expose.
func capabilityGroups() []struct {
	what   string
	weight float64
	danger danger
} {
	return []struct {
		what   string
		weight float64
		danger danger
	}{
		{"administration", 0.5, danger{"CAP_SYS_ADMIN": 1}},
		{"kernel and hardware", 0.5, danger{
			"CAP_SYS_MODULE": 1, "CAP_SYS_RAWIO": 1, "CAP_BPF": 0.6, "CAP_SYS_BOOT": 0.5, "CAP_PERFMON": 0.4,
			"CAP_MKNOD": 0.3, "CAP_MAC_ADMIN": 0.5, "CAP_MAC_OVERRIDE": 0.5,
		}},
		{"other processes", 0.25, danger{"CAP_SYS_PTRACE": 1, "CAP_CHECKPOINT_RESTORE": 0.5, "CAP_KILL": 0.3}},
		{"file permissions", 0.25, danger{
			"CAP_DAC_READ_SEARCH": 1, "CAP_DAC_OVERRIDE": 0.8, "CAP_SETFCAP": 0.6, "CAP_FOWNER": 0.5, "CAP_CHOWN": 0.5,
			"CAP_FSETID": 0.2, "CAP_LEASE": 0.1, "CAP_LINUX_IMMUTABLE": 0.1,
		}},
		{"other users", 0.2, danger{"CAP_SETUID": 1, "CAP_SETGID": 0.8, "CAP_SETPCAP": 0.4}},
		{"network", 0.25, danger{"CAP_NET_ADMIN": 1, "CAP_NET_RAW": 0.6, "CAP_NET_BROADCAST": 0.1}},
		{"time, logs, resources", 0.1, danger{
			"CAP_SYS_TIME": 1, "CAP_AUDIT_CONTROL": 0.8, "CAP_SYSLOG": 0.6, "CAP_SYS_RESOURCE": 0.6, "CAP_AUDIT_READ": 0.5,
			"CAP_SYS_NICE": 0.4, "CAP_AUDIT_WRITE": 0.3, "CAP_IPC_LOCK": 0.3, "CAP_IPC_OWNER": 0.3, "CAP_SYS_CHROOT": 0.3,
			"CAP_SYS_PACCT": 0.3, "CAP_SYS_TTY_CONFIG": 0.3, "CAP_WAKE_ALARM": 0.2, "CAP_BLOCK_SUSPEND": 0.2,
		}},
	}
}

// inNamespace is what is left of a capability's danger that holds only inside a
// user namespace: the kernel's own faults.
const inNamespace = 0.3

func (a *auditor) capabilities() {
	for _, group := range capabilityGroups() {
		c := Check{Name: "capabilities: " + group.what, Weight: group.weight, Service: "security.capabilities", OCI: "process.capabilities",
			Found: "none"}
		part := 0.0
		var held []string
		for _, name := range a.caps {
			if d, ok := group.danger[name]; ok {
				held = append(held, name)
				part = max(part, d)
			}
		}
		if held != nil {
			c.Found, c.Advice = "has "+strings.Join(held, ", "), "without "+strings.Join(held, ", ")
		}
		if a.mapped {
			part *= inNamespace
		} else {
			c.Floor = a.capabilityFloor(held)
		}
		a.add(part, c)
	}
}

// capabilityFloor tells of capabilities that are root on the host by themselves,
// if seccomp lets the calls through.
func (a *auditor) capabilityFloor(held []string) float64 {
	floor := 0.0
	for _, way := range []struct {
		capability, call string
		floor            float64
	}{
		{"CAP_SYS_MODULE", "finit_module", 9},
		{"CAP_SYS_RAWIO", "iopl", 8},
		{"CAP_SYS_ADMIN", "mount", 8},
		{"CAP_BPF", "bpf", 6},
		{"CAP_DAC_READ_SEARCH", "open_by_handle_at", 7}, // reads any file of the disk
	} {
		if slices.Contains(held, way.capability) && profiles.Allows(a.linux.Seccomp, way.call) != profiles.Blocked {
			floor = max(floor, way.floor)
		}
	}
	if slices.Contains(held, "CAP_SYS_PTRACE") && a.shares(specs.PIDNamespace) && profiles.Allows(a.linux.Seccomp, "ptrace") != profiles.Blocked {
		floor = 9 // any process of the host is its own
	}
	return floor
}
