package audit

import (
	"math"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"

	profiles "blackhole/seccomp-profiles"
)

// sealed is a container with nothing to find fault with.
func sealed(t *testing.T) *specs.Spec {
	t.Helper()
	strict, err := profiles.Load(profiles.Strict)
	if err != nil {
		t.Fatal(err)
	}
	n := func(v int64) *int64 { return &v }
	var namespaces []specs.LinuxNamespace
	for _, kind := range []specs.LinuxNamespaceType{
		specs.PIDNamespace, specs.NetworkNamespace, specs.IPCNamespace, specs.UTSNamespace, specs.MountNamespace, specs.CgroupNamespace,
	} {
		namespaces = append(namespaces, specs.LinuxNamespace{Type: kind})
	}
	return &specs.Spec{
		Root: &specs.Root{Path: "rootfs", Readonly: true},
		Process: &specs.Process{
			User:            specs.User{UID: 1000, GID: 1000},
			NoNewPrivileges: true,
			ApparmorProfile: "confined",
			Rlimits:         []specs.POSIXRlimit{{Type: "RLIMIT_NOFILE", Soft: 1, Hard: 1}, {Type: "RLIMIT_CORE"}},
		},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs", Options: []string{"ro"}},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup", Options: []string{"ro"}},
			{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs", Options: []string{"size=1"}},
			{Destination: "/srv", Type: "bind", Source: "/srv", Options: []string{"rbind", "rw", "nosuid", "nodev"}},
			{Destination: "/usr", Type: "bind", Source: "/usr", Options: []string{"rbind", "ro", "nosuid", "nodev"}},
		},
		Linux: &specs.Linux{
			Namespaces:    namespaces,
			Seccomp:       strict,
			MaskedPaths:   told(),
			ReadonlyPaths: settings(),
			Resources: &specs.LinuxResources{
				Devices: []specs.LinuxDeviceCgroup{{Access: "rwm"}},
				Memory:  &specs.LinuxMemory{Limit: n(1)},
				Pids:    &specs.LinuxPids{Limit: n(1)},
				CPU:     &specs.LinuxCPU{Quota: n(1)},
				BlockIO: &specs.LinuxBlockIO{ThrottleReadBpsDevice: []specs.LinuxThrottleDevice{{}}},
			},
		},
	}
}

// open is a container that nothing confines.
func open() *specs.Spec {
	var all []string
	for _, group := range capabilityGroups() {
		for name := range group.danger {
			all = append(all, name)
		}
	}
	return &specs.Spec{
		Root:    &specs.Root{Path: "/"},
		Process: &specs.Process{Capabilities: &specs.LinuxCapabilities{Bounding: all, Effective: all, Permitted: all}},
		Mounts: []specs.Mount{
			{Destination: "/proc", Type: "proc", Source: "proc"},
			{Destination: "/sys", Type: "sysfs", Source: "sysfs"},
			{Destination: "/sys/fs/cgroup", Type: "cgroup", Source: "cgroup"},
			{Destination: "/tmp", Type: "tmpfs", Source: "tmpfs"},
			{Destination: "/run", Type: "bind", Source: "/run", Options: []string{"rshared"}},
		},
		Linux: &specs.Linux{Devices: []specs.LinuxDevice{{Path: "/dev/vda", Type: "b", Major: 254}}},
	}
}

// TestEnds: all weights together are 10, what is sealed has 0, what is open 10.
func TestEnds(t *testing.T) {
	sum := 0.0
	r := Of(open())
	for _, c := range r.Checks {
		sum += c.Weight
		if c.Points != c.Weight {
			t.Errorf("open: %s has %v of %v points: %s", c.Name, c.Points, c.Weight, c.Found)
		}
		if c.Advice == "" || c.OCI == "" {
			t.Errorf("open: %s has no advice", c.Name)
		}
	}
	if math.Abs(sum-Most) > 1e-9 {
		t.Errorf("the weights add up to %v, not to %v", sum, Most)
	}
	if r.Exposure != Most || r.Level != "open" {
		t.Errorf("open: %v %s", r.Exposure, r.Level)
	}
	r = Of(sealed(t))
	for _, c := range r.Checks {
		if c.Points != 0 {
			t.Errorf("sealed: %s has %v points: %s", c.Name, c.Points, c.Found)
		}
	}
	if r.Exposure != 0 || r.Level != "tight" {
		t.Errorf("sealed: %v %s", r.Exposure, r.Level)
	}
}

// TestChecks opens a sealed container at one place, and wants that one check to
// tell of it, with these points and this whole exposure.
func TestChecks(t *testing.T) {
	caps := func(names ...string) func(c *specs.Spec) {
		return func(c *specs.Spec) {
			c.Process.Capabilities = &specs.LinuxCapabilities{Ambient: names, Effective: names, Permitted: names, Bounding: names}
		}
	}
	unconfined := func(names ...string) func(c *specs.Spec) {
		return func(c *specs.Spec) { caps(names...)(c); c.Linux.Seccomp = nil }
	}
	bind := func(source string, options ...string) func(c *specs.Spec) {
		return func(c *specs.Spec) {
			c.Mounts = append(c.Mounts, specs.Mount{Destination: "/x", Type: "bind", Source: source, Options: append(options, "rbind", "nosuid", "nodev")})
		}
	}
	without := func(kind specs.LinuxNamespaceType) func(c *specs.Spec) {
		return func(c *specs.Spec) {
			for i, n := range c.Linux.Namespaces {
				if n.Type == kind {
					c.Linux.Namespaces[i].Path = "/proc/1/ns/" + string(kind)
				}
			}
		}
	}
	userns := func(host uint32) func(c *specs.Spec) {
		return func(c *specs.Spec) {
			c.Process.User.UID = 0
			c.Linux.Namespaces = append(c.Linux.Namespaces, specs.LinuxNamespace{Type: specs.UserNamespace})
			c.Linux.UIDMappings = []specs.LinuxIDMapping{{HostID: host, Size: 1000}}
		}
	}
	five, eight, zero := int64(5), int64(8), int64(0)
	for name, row := range map[string]struct {
		change   func(c *specs.Spec)
		check    string
		found    string // a part
		points   float64
		exposure float64
	}{
		"root":                     {func(c *specs.Spec) { c.Process.User.UID = 0 }, "user", "root, the same root as the host's", 0.8, 0.8},
		"root of a user namespace": {userns(100000), "user", "root of a user namespace", 0.2, 0.2},
		"root mapped to root":      {userns(0), "user", "the same root", 0.8, 0.8},
		"group 0":                  {func(c *specs.Spec) { c.Process.User.AdditionalGids = []uint32{5, 0} }, "groups", "group 0", 0.05, 0.05},
		"new privileges":           {func(c *specs.Spec) { c.Process.NoNewPrivileges = false }, "new privileges", "setuid", 0.5, 0.5},
		"harmless capability":      {caps("CAP_NET_BIND_SERVICE"), "", "", 0, 0},
		"net admin":                {caps("CAP_NET_ADMIN"), "capabilities: network", "CAP_NET_ADMIN", 0.25, 0.25},
		"net raw, lower case":      {caps("cap_net_raw"), "capabilities: network", "CAP_NET_RAW", 0.15, 0.15},
		"sys admin behind seccomp": {caps("CAP_SYS_ADMIN"), "capabilities: administration", "CAP_SYS_ADMIN", 0.5, 0.5},
		"sys admin unconfined":     {unconfined("CAP_SYS_ADMIN"), "capabilities: administration", "CAP_SYS_ADMIN", 0.5, 8},
		"module unconfined":        {unconfined("CAP_SYS_MODULE"), "capabilities: kernel and hardware", "CAP_SYS_MODULE", 0.5, 9},
		"bounding alone": {func(c *specs.Spec) {
			c.Process.Capabilities = &specs.LinuxCapabilities{Bounding: []string{"CAP_SYS_ADMIN"}}
		}, "", "", 0, 0},
		"no filter":                    {func(c *specs.Spec) { c.Linux.Seccomp = nil }, "system call filter", "every system call", 0.6, 1.75},
		"a filter that blocks nothing": {func(c *specs.Spec) { c.Linux.Seccomp = &specs.LinuxSeccomp{DefaultAction: specs.ActAllow} }, "system calls: the kernel itself", "init_module, finit_module", 0.35, 1.15},
		"one call": {func(c *specs.Spec) {
			c.Linux.Seccomp.Syscalls = append(c.Linux.Seccomp.Syscalls, specs.LinuxSyscall{Names: []string{"keyctl"}, Action: specs.ActAllow})
		}, "system calls: keyrings", "open: keyctl", 0.07, 0.07},
		"pid namespace":              {without(specs.PIDNamespace), "pid namespace", "processes of the host", 0.35, 0.35},
		"no namespaces":              {func(c *specs.Spec) { c.Linux.Namespaces = nil }, "mount namespace", "mounts of the host", 0.35, 9},
		"joined network":             {func(c *specs.Spec) { c.Linux.Namespaces[1].Path = "/run/netns/x" }, "network namespace", "/run/netns/x", 0.11, 0.11},
		"docker socket, read-only":   {bind("/var/run/docker.sock", "ro"), "control sockets", "/run/docker.sock", 0.4, 7},
		"docker socket as root":      {func(c *specs.Spec) { c.Process.User.UID = 0; bind("/run", "ro")(c) }, "control sockets", "/run", 0.4, 9},
		"resolver's file":            {bind("/run/systemd/resolve/resolv.conf", "ro"), "", "", 0, 0},
		"a folder of its own in run": {bind("/run/redis", "rw"), "", "", 0, 0},
		"etc writable":               {bind("/etc/cron.d", "rw"), "system folders", "/etc/cron.d", 0.4, 0.4},
		"etc writable as root":       {func(c *specs.Spec) { c.Process.User.UID = 0; bind("/etc/cron.d")(c) }, "system folders", "/etc/cron.d", 0.4, 9},
		"shadow":                     {bind("/etc", "ro"), "secrets", "/etc", 0.2, 0.2},
		"home":                       {bind("/home/me", "ro"), "secrets", "/home/me", 0.2, 0.2},
		"keys masked": {func(c *specs.Spec) {
			bind("/etc/ssl", "ro")(c)
			c.Linux.MaskedPaths = append(c.Linux.MaskedPaths, "/x/private")
		}, "", "", 0, 0},
		"setuid":        {func(c *specs.Spec) { c.Mounts[4].Options = []string{"rbind", "nodev"} }, "setuid programs", "/srv", 0.1, 0.1},
		"device files":  {func(c *specs.Spec) { c.Mounts[4].Options = []string{"rbind", "nosuid"} }, "device files", "/srv", 0.1, 0.1},
		"writable root": {func(c *specs.Spec) { c.Root.Readonly = false }, "root file system", "written", 0.25, 0.25},
		"propagation":   {func(c *specs.Spec) { c.Linux.RootfsPropagation = "rshared" }, "mount propagation", "/", 0.1, 0.1},
		"kcore":         {func(c *specs.Spec) { c.Linux.MaskedPaths = told()[1:] }, "/proc: files of the host", "/proc/kcore", 0.02, 0.02},
		"proc settings": {func(c *specs.Spec) { c.Linux.ReadonlyPaths = nil; c.Process.User.UID = 0 }, "/proc: settings of the host", "/proc/sys", 0.2, 1},
		"cgroups":       {func(c *specs.Spec) { c.Mounts[2].Options = nil }, "cgroups", "/sys/fs/cgroup", 0.15, 0.15},
		"cgroups behind readonlyPaths": {func(c *specs.Spec) {
			c.Mounts[2].Options = nil
			c.Linux.ReadonlyPaths = append(settings(), "/sys/fs/cgroup")
		}, "", "", 0, 0},
		"sysfs":                  {func(c *specs.Spec) { c.Mounts[1].Options = []string{"ro", "rw"} }, "/sys", "/sys", 0.1, 0.1},
		"no profile":             {func(c *specs.Spec) { c.Process.ApparmorProfile = "unconfined" }, "security module", "neither", 0.2, 0.2},
		"all devices":            {func(c *specs.Spec) { c.Linux.Resources.Devices = nil }, "device access", "every device", 0.3, 0.3},
		"all devices with mknod": {func(c *specs.Spec) { c.Linux.Resources.Devices = nil; caps("CAP_MKNOD")(c); c.Process.User.UID = 0 }, "device access", "every device", 0.3, 9},
		"a disk": {func(c *specs.Spec) {
			c.Linux.Resources.Devices = append(c.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "b", Major: &eight, Access: "rw"})
		}, "device access", "b 8:* rw", 0.15, 0.15},
		"the terminal": {func(c *specs.Spec) {
			c.Linux.Resources.Devices = append(c.Linux.Resources.Devices, specs.LinuxDeviceCgroup{Allow: true, Type: "c", Major: &five, Minor: &zero, Access: "rwm"})
		}, "", "", 0, 0},
		"a node": {func(c *specs.Spec) {
			c.Linux.Devices = []specs.LinuxDevice{{Path: "/dev/kvm", Type: "c", Major: 10, Minor: 232}}
		}, "device nodes", "/dev/kvm", 0.2, 0.2},
		"no memory limit": {func(c *specs.Spec) { c.Linux.Resources.Memory = nil }, "limit: memory", "all memory", 0.2, 0.2},
		"memory.max by unified": {func(c *specs.Spec) {
			c.Linux.Resources.Memory = nil
			c.Linux.Resources.Unified = map[string]string{"memory.max": "1"}
		}, "", "", 0, 0},
		"memory.max max": {func(c *specs.Spec) {
			c.Linux.Resources.Memory = nil
			c.Linux.Resources.Unified = map[string]string{"memory.max": "max"}
		}, "limit: memory", "all memory", 0.2, 0.2},
		"no pids limit":        {func(c *specs.Spec) { c.Linux.Resources.Pids.Limit = &zero }, "limit: processes", "start processes", 0.2, 0.2},
		"no quota":             {func(c *specs.Spec) { c.Linux.Resources.CPU = nil }, "limit: CPU", "every CPU", 0.1, 0.1},
		"core dumps":           {func(c *specs.Spec) { c.Process.Rlimits = c.Process.Rlimits[:1] }, "core dumps", "crashes", 0.05, 0.05},
		"tmpfs without a size": {func(c *specs.Spec) { c.Mounts[3].Options = nil }, "file systems in memory", "/tmp", 0.05, 0.05},
	} {
		t.Run(name, func(t *testing.T) {
			c := sealed(t)
			row.change(c)
			r := Of(c)
			if r.Exposure != row.exposure {
				t.Errorf("exposure %v, want %v", r.Exposure, row.exposure)
			}
			for _, check := range r.Checks {
				switch {
				case check.Name == row.check:
					if check.Points != row.points || !strings.Contains(check.Found, row.found) {
						t.Errorf("%s: %v points (%s), want %v (%s)", check.Name, check.Points, check.Found, row.points, row.found)
					}
				case row.check == "" && check.Points > 0:
					t.Errorf("%s: %v points: %s", check.Name, check.Points, check.Found)
				}
			}
		})
	}
}
