package spec

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"blackhole/hooks/params"
)

// Bounds of the kernel's CPU bandwidth control, kernel/sched/core.c:
// min_cfs_quota_period, max_cfs_quota_period and max_cfs_runtime.
const (
	minPeriod      = Period(time.Millisecond)
	maxPeriod      = Period(time.Second)
	maxQuotaMicros = 1<<44 - 1
)

// isolation checks what holds for all services, but their defaults.
func (k *checker) isolation() {
	const at = "resource_isolation."
	if root := k.config.Isolation.Cgroup.RootPath; root != nil {
		if _, err := cgroupRoot(k.iso.Cgroup); err != nil {
			k.fault(at+"cgroup.root_path", "cannot use %s: it is not at or below %s, where OCI runtimes look for cgroups", quote(*root), cgroupMount)
		}
	}
	k.twice(at+"cgroup.controllers", k.config.Isolation.Cgroup.Controllers, "controller")
	k.twice(at+"security.capabilities", k.config.Isolation.Security.Capabilities, "capability")
	if command := k.iso.Monitor.OnAlert; len(command) > 0 {
		if err := checkPath(command[0]); err != nil {
			k.fault(at+"monitor.on_alert[0]", "%v", err)
		}
	}
}

// resources checks a service's resources with the defaults merged in, or the
// defaults alone.
func (k *checker) resources(service string, r *Resources) {
	k.cpu(service, r.CPU)
	k.memory(service, r.Memory)
	if soft, hard := r.FDs.Soft, r.FDs.Hard; soft != nil && hard != nil && *soft > *hard {
		k.pair(service, "resources.fds.soft", "resources.fds.hard",
			fmt.Sprintf("cannot use %d: it is above fds.hard %d", *soft, *hard),
			fmt.Sprintf("cannot use %d: it is below fds.soft %d", *hard, *soft))
	}
	for _, name := range slices.Sorted(maps.Keys(r.Rlimits)) {
		if limit := r.Rlimits[name]; limit.Soft > limit.Hard {
			k.of(service, "resources.rlimits."+name, "cannot use a soft limit of %s: it is above the hard limit of %s",
				formatRlimit(limit.Soft), formatRlimit(limit.Hard))
		} else if least := leastRlimit(name); limit.Soft < least {
			k.of(service, "resources.rlimits."+name, "cannot use %s: nothing starts with less than %d, use memory.limit instead",
				formatRlimit(limit.Soft), least)
		}
	}
	k.bandwidth(service, r.Network.Bandwidth)
	k.controllers(service, r)
}

func (k *checker) cpu(service string, r CPU) {
	const quota, period, burst = "resources.cpu.quota", "resources.cpu.period", "resources.cpu.burst"
	p := builtinPeriod
	if r.Period != nil {
		p = *r.Period
		if p < minPeriod || p > maxPeriod {
			k.of(service, period, "cannot use %s: it must be from %s to %s", p, minPeriod, maxPeriod)
			return // a quota counts over it
		}
	}
	if r.Quota == nil {
		if r.Burst != nil && *r.Burst > 0 {
			k.of(service, burst, "cannot save up %s: there is no cpu.quota to save from", *r.Burst)
		}
		return
	}
	micros := math.Round(float64(*r.Quota) * float64(p.Microseconds()))
	switch least := minPeriod.Microseconds(); {
	case micros < float64(least):
		k.pair(service, quota, period,
			fmt.Sprintf("cannot use %s: the kernel's least is %s, and this is %.0fus of a cpu.period of %s", *r.Quota, minPeriod, micros, p),
			fmt.Sprintf("cannot use %s: the kernel's least quota is %s, and this leaves %.0fus of cpu.quota %s", p, minPeriod, micros, *r.Quota))
		return
	case micros > maxQuotaMicros:
		k.of(service, quota, "cannot use %s: it is more than the kernel can count", *r.Quota)
		return
	}
	if r.Burst != nil && float64(r.Burst.Microseconds()) > micros {
		each := Period(time.Duration(micros) * time.Microsecond)
		k.pair(service, burst, quota,
			fmt.Sprintf("cannot use %s: it is above %s, what each cpu.period of %s has of cpu.quota %s", *r.Burst, each, p, *r.Quota),
			fmt.Sprintf("cannot use %s: it is %s of each cpu.period of %s, below cpu.burst %s", *r.Quota, each, p, *r.Burst))
	}
}

func (k *checker) memory(service string, r Memory) {
	const at = "resources.memory."
	above := func(low string, a *Size, high string, b *Size) bool {
		if a == nil || b == nil || *a <= *b {
			return false
		}
		k.pair(service, at+low, at+high,
			fmt.Sprintf("cannot use %s: it is above memory.%s %s", *a, high, *b),
			fmt.Sprintf("cannot use %s: it is below memory.%s %s", *b, low, *a))
		return true
	}
	above("soft", r.Soft, "limit", r.Limit)
	if !above("low", r.Low, "limit", r.Limit) {
		above("low", r.Low, "soft", r.Soft)
	}
	if r.Limit != nil && r.Swap != nil && *r.Swap > math.MaxInt64-*r.Limit {
		k.of(service, at+"swap", "cannot use %s: with memory.limit %s it is more than the kernel can count", *r.Swap, *r.Limit)
	}
	if *k.iso.Cgroup.Version == CgroupV2 {
		k.memoryV1(service, r)
	}
}

// memoryV1 are the settings that cgroup v2 does not have.
func (k *checker) memoryV1(service string, r Memory) {
	if r.Kernel != nil {
		k.of(service, "resources.memory.kernel",
			"cannot limit kernel memory to %s: cgroup v2 counts it in memory.limit, use that alone", *r.Kernel)
	}
	if value(r.OOMKillDisable) {
		k.of(service, "resources.memory.oom_kill_disable",
			"cannot use true: cgroup v2 always kills at memory.limit, use memory.soft to slow the service down before")
	}
}

func (k *checker) bandwidth(service string, b Bandwidth) {
	const at = "resources.network.bandwidth."
	for _, d := range []struct {
		direction string
		rate      *Rate
		burst     *Size
	}{{"ingress", b.IngressRate, b.IngressBurst}, {"egress", b.EgressRate, b.EgressBurst}} {
		if value(d.rate) > 0 {
			_, err := params.NewBucket(d.direction, uint64(*d.rate), uint64(value(d.burst)))
			if err != nil {
				k.of(service, at+d.direction+"_rate", "%v", err)
			}
			continue
		}
		if d.burst == nil {
			continue
		}
		// A rate of 0 in the service lifts the default's, burst and all.
		if path := k.written(service, at+d.direction+"_burst"); path == own(service, at+d.direction+"_burst") || d.rate == nil {
			k.fault(path, "cannot use %s: there is no %s_rate that it belongs to", *d.burst, d.direction)
		}
	}
}

// controllers finds limits whose controller the file does not name.
func (k *checker) controllers(service string, r *Resources) {
	for _, use := range controllerUses(r) {
		if slices.ContainsFunc(use.controllers, func(c string) bool { return slices.Contains(k.iso.Cgroup.Controllers, c) }) {
			continue
		}
		const list = "resource_isolation.cgroup.controllers"
		where := " (the default)"
		if k.config.has(list) {
			where = k.where(list)
		}
		k.of(service, use.key, "cannot set %s: controller %s is not among cgroup.controllers%s", strings.TrimPrefix(use.key, "resources."), orList(use.controllers), where)
	}
}

// controllerUse is a key that is set, and the controllers of which one must be
// in use for it.
type controllerUse struct {
	key         string
	controllers []string
}

func controllerUses(r *Resources) []controllerUse {
	var uses []controllerUse
	use := func(key string, set bool, controllers ...string) {
		if set {
			uses = append(uses, controllerUse{"resources." + key, controllers})
		}
	}
	use("cpu.quota", r.CPU.Quota != nil, "cpu")
	use("cpu.shares", r.CPU.Shares != nil, "cpu")
	use("cpu.cpuset", r.CPU.CPUSet != nil, "cpu", "cpuset")
	use("memory.limit", r.Memory.Limit != nil, "memory")
	use("memory.soft", r.Memory.Soft != nil, "memory")
	use("memory.swap", r.Memory.Swap != nil, "memory")
	use("memory.low", value(r.Memory.Low) > 0, "memory")
	use("memory.oom_group", r.Memory.OOMGroup != nil, "memory")
	use("io.read_bps", value(r.IO.ReadBPS) > 0, "io")
	use("io.write_bps", value(r.IO.WriteBPS) > 0, "io")
	use("io.read_iops", value(r.IO.ReadIOPS) > 0, "io")
	use("io.write_iops", value(r.IO.WriteIOPS) > 0, "io")
	use("io.weight", r.IO.Weight != nil, "io")
	use("pids.limit", r.Pids.Limit != nil, "pids")
	return uses
}

// leastRlimit is what a runtime's own first process in a container needs, for
// which the service's limits hold already. That of runc's libcontainer is a Go
// program, which maps far more than it uses; measured on amd64, with a margin.
func leastRlimit(name string) uint64 {
	switch strings.TrimPrefix(strings.ToLower(name), "rlimit_") {
	case "as":
		return 2 << 30
	case "data":
		return 256 << 20
	}
	return 0
}
