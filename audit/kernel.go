package audit

import (
	"path"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// told are files of /proc and /sys that tell of the host, or are a way into it.
func told() []string {
	return []string{
		"/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list", "/proc/sched_debug", "/proc/scsi", "/proc/acpi", "/sys/firmware",
	}
}

// settings are folders of /proc that change the whole host.
func settings() []string {
	return []string{"/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus", "/proc/fs"}
}

// kernelFiles checks what the container sees of the kernel's own file systems.
func (a *auditor) kernelFiles() {
	if !a.mounted("proc", "/proc") {
		a.list(nil, Check{Name: "/proc: files of the host", Weight: 0.15, OCI: "linux.maskedPaths", Found: "there is no /proc"}, "")
		a.list(nil, Check{Name: "/proc: settings of the host", Weight: 0.2, OCI: "linux.readonlyPaths", Found: "there is no /proc"}, "")
	} else {
		open := slices.DeleteFunc(told(), func(at string) bool {
			return a.hidden(at) || strings.HasPrefix(at, "/sys/") && !a.mounted("sysfs", "/sys")
		})
		c := Check{Name: "/proc: files of the host", Weight: 0.15, OCI: "linux.maskedPaths", Found: "masked"}
		if len(open) > 0 {
			c.Found, c.Advice = "not masked: "+list(open), list(open)
		}
		a.add(float64(len(open))/float64(len(told())), c)
		open = slices.DeleteFunc(settings(), func(at string) bool {
			return a.hidden(at) || slices.ContainsFunc(a.linux.ReadonlyPaths, func(ro string) bool { return covers(path.Clean(ro), at) })
		})
		c = Check{Name: "/proc: settings of the host", Weight: 0.2, OCI: "linux.readonlyPaths", Found: "read-only"}
		part := float64(len(open)) / float64(len(settings()))
		if len(open) > 0 {
			c.Found, c.Advice = "may be written by root: "+list(open), list(open)
			if !a.hostRoot() {
				part *= inNamespace // the files' permissions are in the way
			}
		}
		a.add(part, c)
	}
	a.writable(Check{Name: "cgroups", Weight: 0.15, OCI: "mounts",
		Found: "cannot change its own limits", Advice: "ro for /sys/fs/cgroup"}, "may change cgroups: ", "cgroup", "cgroup2")
	a.writable(Check{Name: "/sys", Weight: 0.1, OCI: "mounts",
		Found: "read-only, or not there", Advice: "ro for /sys"}, "may change settings of devices: ", "sysfs")
	lsm := Check{Name: "security module", Weight: 0.2, OCI: "process.apparmorProfile", Found: "confined by a profile or label"}
	part := 0.0
	if (a.process.ApparmorProfile == "" || a.process.ApparmorProfile == "unconfined") && a.process.SelinuxLabel == "" {
		part = 1
		lsm.Found, lsm.Advice = "neither an AppArmor profile nor a SELinux label", "a profile of the host's, or process.selinuxLabel"
	}
	a.add(part, lsm)
}

func (a *auditor) mounted(kind, at string) bool {
	return slices.ContainsFunc(a.config.Mounts, func(m specs.Mount) bool { return m.Type == kind || path.Clean(m.Destination) == at })
}

// writable finds mounts of kernel file systems that are not read-only.
func (a *auditor) writable(c Check, words string, kinds ...string) {
	var found []string
	for _, m := range a.config.Mounts {
		if slices.Contains(kinds, m.Type) && !readOnly(m) &&
			!slices.ContainsFunc(a.linux.ReadonlyPaths, func(ro string) bool { return covers(path.Clean(ro), path.Clean(m.Destination)) }) {
			found = append(found, m.Destination)
		}
	}
	a.list(found, c, words)
}

// harmless are devices that every container has: config-linux.md, "Default
// Devices", and the terminals; major and minor.
func harmless() map[int64][]int64 {
	return map[int64][]int64{1: {3, 5, 7, 8, 9}, 5: {0, 1, 2}, 136: nil}
}

// devices checks the rules of the device cgroup, and the nodes that are made.
func (a *auditor) devices() {
	const oci = "linux.resources.devices"
	rules := Check{Name: "device access", Weight: 0.3, OCI: oci, Found: "none but the usual ones"}
	all := true // without a rule that denies all, all are allowed
	var open []string
	var given []specs.LinuxDeviceCgroup
	if a.linux.Resources != nil {
		given = a.linux.Resources.Devices
	}
	for _, d := range given {
		whole := (d.Type == "" || d.Type == "a") && d.Major == nil && d.Minor == nil
		switch {
		case whole && !d.Allow && (d.Access == "" || d.Access == "rwm"):
			all, open = false, nil
		case whole && d.Allow && strings.ContainsAny(d.Access, "rw"):
			all = true
		case d.Allow && strings.ContainsAny(d.Access, "rw") && !usual(d):
			open = append(open, deviceName(d))
		}
	}
	part := 0.0
	switch {
	case all:
		part = 1
		rules.Found, rules.Advice = "every device of the host, its disks too", "a first rule that allows nothing"
		if a.hostRoot() && a.has("CAP_MKNOD") {
			rules.Floor = 9 // it makes the node of the host's disk and writes to it
		}
	case len(open) > 0:
		part = 0.5
		rules.Found, rules.Advice = "allowed: "+list(open), "only what it needs"
	}
	a.add(part, rules)

	var made []string
	for _, d := range a.linux.Devices {
		if d.Type == "b" || !slices.Contains(harmless()[d.Major], d.Minor) && d.Major != 136 {
			made = append(made, d.Path)
		}
	}
	a.list(made, Check{Name: "device nodes", Weight: 0.2, OCI: "linux.devices", Found: "none but the usual ones", Advice: "only what it needs"}, "has ")
}

func usual(d specs.LinuxDeviceCgroup) bool {
	if d.Type == "b" || d.Major == nil {
		return false
	}
	minors, known := harmless()[*d.Major]
	return known && (minors == nil || d.Minor != nil && slices.Contains(minors, *d.Minor))
}

func deviceName(d specs.LinuxDeviceCgroup) string {
	number := func(n *int64) string {
		if n == nil {
			return "*"
		}
		return itoa(*n)
	}
	return strings.TrimSpace(d.Type + " " + number(d.Major) + ":" + number(d.Minor) + " " + d.Access)
}
