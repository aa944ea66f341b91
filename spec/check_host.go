package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	profiles "blackhole/seccomp-profiles"
)

// CheckHost finds what keeps the configuration, or the named services, from
// running on a host, and what the host cannot do though it runs them. It asks
// only for the host's part; Check has the rest.
func (c *Config) CheckHost(h Host, services ...string) (Faults, []Fault) {
	k := &hostChecker{checker: c.newChecker(services), host: h}
	k.check(len(c.Check(services...)) == 0)
	return k.faults.sorted(c.files), k.warnings.sorted(c.files)
}

// check is CheckHost, for a configuration that is sound or not by itself.
func (k *hostChecker) check(sound bool) {
	k.cgroup()
	k.onAlert()
	for _, name := range k.names {
		before := len(k.faults)
		s, err := k.config.Service(name)
		if err != nil {
			continue
		}
		k.limits(name, s)
		k.process(name, s)
		if k.rootfs(name, s) {
			k.user(name, s)
			k.files(name, s)
		}
		if sound && !k.noCgroup && len(k.faults) == before {
			k.translation(name, s)
		}
	}
}

type hostChecker struct {
	*checker
	host     Host
	v2       bool
	noCgroup bool // the host has no cgroups as the file wants them
	warnings Faults

	options    Options
	translated *Translation // of the last service that can be
}

// cgroup checks the version and the controllers.
func (k *hostChecker) cgroup() {
	const at = "resource_isolation.cgroup."
	root := *k.iso.Cgroup.RootPath
	if _, err := cgroupRoot(k.iso.Cgroup); err != nil {
		k.noCgroup = true // Check says so
		return
	}
	k.v2 = k.host.CgroupVersion(root) == 2
	if *k.iso.Cgroup.Version == CgroupV2 && !k.v2 {
		k.noCgroup = true
		k.fault(at+"version", "cannot use cgroup v2: %s is not a cgroup v2 hierarchy with controllers; version auto takes what this host has", root)
		return
	}
	has, err := k.host.Controllers(root)
	if err != nil {
		k.noCgroup = true
		k.fault(at+"root_path", "%v", err)
		return
	}
	for i, controller := range k.config.Isolation.Cgroup.Controllers {
		if !slices.Contains(has, controller) {
			k.fault(fmt.Sprintf("%scontrollers[%d]", at, i), "cannot use controller %s: %s has %s", controller, root, orNothing(has))
		}
	}
	for _, name := range k.names {
		if s, err := k.config.Service(name); err == nil {
			k.uses(name, s, has)
		}
	}
}

// uses finds limits whose controller the host lacks. Those that the file names
// were reported; this is for the built-in list, and for cpuset, which a file
// may leave to cpu.
func (k *hostChecker) uses(name string, s *Service, has []string) {
	for _, use := range controllerUses(&s.Resources) {
		needed := use.controllers[len(use.controllers)-1]
		if !slices.Contains(has, needed) && !slices.Contains(k.config.Isolation.Cgroup.Controllers, needed) {
			k.of(name, use.key, "cannot set %s: %s has no controller %s, it has %s", strings.TrimPrefix(use.key, "resources."), *k.iso.Cgroup.RootPath, needed, orNothing(has))
		}
	}
}

func orNothing(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, ", ")
}

// onAlert checks the command that runs on the host.
func (k *hostChecker) onAlert() {
	if command := k.iso.Monitor.OnAlert; len(command) > 0 && checkPath(command[0]) == nil {
		k.program("resource_isolation.monitor.on_alert[0]", "/", command[0])
	}
}

// limits checks a service's resources against the host's.
func (k *hostChecker) limits(name string, s *Service) {
	r := &s.Resources
	if r.CPU.CPUSet != nil {
		k.cpuset(name, *r.CPU.CPUSet)
	}
	if k.v2 && *k.iso.Cgroup.Version == CgroupAuto {
		k.memoryV1(name, r.Memory)
	}
	if !k.v2 {
		k.writesV1(name, r.IO)
	}
	throttled := value(r.IO.ReadBPS) > 0 || value(r.IO.WriteBPS) > 0 || value(r.IO.ReadIOPS) > 0 || value(r.IO.WriteIOPS) > 0
	if r.IO.Device != nil && throttled {
		if _, err := k.host.Disks(*r.IO.Device); err != nil {
			k.of(name, "resources.io.device", "%v", err)
		}
	}
	if p := r.IO.Priority; p != nil && p.Class == ioRealtime && !k.host.HasCapability("CAP_SYS_ADMIN") && !k.host.HasCapability("CAP_SYS_NICE") {
		k.of(name, "resources.io.priority", "cannot use %s: realtime needs CAP_SYS_NICE, which this process does not have", *p)
	}
	if hard := first(r.FDs.Hard, r.FDs.Soft); hard != nil {
		key := "resources.fds.hard"
		if r.FDs.Hard == nil {
			key = "resources.fds.soft"
		}
		k.rlimit(name, key, "nofile", *hard)
	}
	for _, resource := range slices.Sorted(maps.Keys(r.Rlimits)) {
		k.rlimit(name, "resources.rlimits."+resource, resource, r.Rlimits[resource].Hard)
	}
}

// writesV1: on v1 the kernel writes pages back for nobody in particular.
// Documentation/admin-guide/cgroup-v1/blkio-controller.rst, "Throttling/Upper
// Limit policy".
func (k *hostChecker) writesV1(name string, r IO) {
	for _, limit := range []struct {
		key string
		set bool
	}{{"write_bps", value(r.WriteBPS) > 0}, {"write_iops", value(r.WriteIOPS) > 0}} {
		if limit.set {
			k.warn(name, "resources.io."+limit.key, "io.%s: cgroup v1 limits only writes past the page cache (O_DIRECT, O_SYNC)", limit.key)
		}
	}
}

func (k *hostChecker) cpuset(name string, set CPUSet) {
	online, err := k.host.CPUs()
	if err != nil {
		k.of(name, "resources.cpu.cpuset", "%v", err)
		return
	}
	missing := slices.DeleteFunc(set.CPUs(), func(cpu int) bool { return slices.Contains(online, cpu) })
	if len(missing) > 0 {
		k.of(name, "resources.cpu.cpuset", "cannot use CPUs %s: this host has no CPU %s, it has %s", set, cpuSetOf(missing), cpuSetOf(online))
	}
}

// rlimit: a hard limit goes above the present one with CAP_SYS_RESOURCE alone,
// setrlimit(2).
func (k *hostChecker) rlimit(name, key, resource string, hard uint64) {
	present, err := k.host.HardLimit(resource)
	switch {
	case err != nil:
		k.of(name, key, "%v", err)
	case hard > present && !k.host.HasCapability("CAP_SYS_RESOURCE"):
		k.of(name, key, "cannot use %s: the hard limit here is %s, and above it needs CAP_SYS_RESOURCE, which this process does not have",
			formatRlimit(hard), formatRlimit(present))
	}
}

// user looks the user up in the service's own passwd, then the group: a fault
// of the user would show in both.
func (k *hostChecker) user(name string, s *Service) {
	rootfs := rootOf(s)
	user, group := value(s.Security.User), value(s.Security.Group)
	if _, err := k.host.User(rootfs, user, ""); err != nil {
		k.of(name, "security.user", "%v", err)
	} else if _, err := k.host.User(rootfs, user, group); err != nil {
		k.of(name, "security.group", "%v", err)
	}
}

// process checks what the service may do and be.
func (k *hostChecker) process(name string, s *Service) {
	for i, c := range s.Security.Capabilities {
		if !k.host.HasCapability(c) {
			k.of(name, fmt.Sprintf("security.capabilities[%d]", i), "cannot give %s: this process does not have it", c)
		}
	}
	const profileKey = "security.seccomp_profile"
	if profile := *s.Security.SeccompProfile; profile != "" && !k.config.beside[k.written(name, profileKey)] {
		if _, err := profiles.Load(profile); err != nil {
			k.of(name, profileKey, "%v", err)
		}
	}
	if adj, lowest := s.OOMScoreAdj, k.host.OOMScoreAdj(); adj != nil && *adj < lowest && !k.host.HasCapability("CAP_SYS_RESOURCE") {
		k.of(name, "oom_score_adj", "cannot use %d: this process's own is %d, and below it needs CAP_SYS_RESOURCE, which it does not have", *adj, lowest)
	}
	if ns := s.Network.Namespace; ns != nil {
		if _, err := lookup(k.host, "/", namespacePath(*ns)); err != nil {
			k.of(name, "network.namespace", "cannot join %s: %v", quote(*ns), err)
		}
	}
	for i, link := range s.Network.Interfaces {
		if _, err := k.host.Stat("/sys/class/net/" + link); err != nil {
			k.warn(name, fmt.Sprintf("network.interfaces[%d]", i), "there is no interface %s on this host now", quote(link))
		}
	}
}

// warn is of, for what does not keep the service from running.
func (k *hostChecker) warn(service, key, format string, args ...any) {
	at := or(k.written(service, key), own(service, key))
	k.warnings = append(k.warnings, Fault{Place: k.config.places[at], Path: at, Message: fmt.Sprintf(format, args...)})
}

// translation tries what the service will become, for the warnings: a setting
// that this host cannot hold.
func (k *hostChecker) translation(name string, s *Service) {
	o := k.options
	if len(o.Args) == 0 && s.Executable == nil {
		o.Args = []string{"/bin/true"} // only the limits are asked for
	}
	t, err := Translate(k.config, name, k.host, o)
	if err != nil {
		k.of(name, "", "%v", err)
		return
	}
	k.translated = t
	for _, warning := range t.Warnings {
		k.warn(name, k.subject(name, warning), "%s", warning)
	}
}

// subject finds the key that a warning begins with: "memory.low: …".
func (k *hostChecker) subject(name, warning string) string {
	key, _, _ := strings.Cut(warning, " ")
	key = strings.TrimSuffix(key, ":")
	for _, candidate := range []string{key, "resources." + key} {
		if k.written(name, candidate) != "" {
			return candidate
		}
	}
	return ""
}
