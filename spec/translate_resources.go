package spec

import (
	"fmt"
	"math"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// resources is what the service's cgroup is limited to.
func (t *translator) resources() (*specs.LinuxResources, error) {
	r := &specs.LinuxResources{
		// No device but those that every runtime adds (null, zero, full, random,
		// urandom, tty, ptmx and the terminals).
		Devices: []specs.LinuxDeviceCgroup{{Allow: false, Access: "rwm"}},
	}
	if t.v2 { // on v1 runtimes refuse the key
		r.Unified = map[string]string{}
	}
	var err error
	if r.CPU, err = t.cpu(r.Unified); err != nil {
		return nil, err
	}
	if r.Memory, err = t.memory(r.Unified); err != nil {
		return nil, err
	}
	if r.BlockIO, err = t.blockIO(r.Unified); err != nil {
		return nil, err
	}
	if limit := t.service.Resources.Pids.Limit; limit != nil {
		r.Pids = &specs.LinuxPids{Limit: limit}
	}
	return r, nil
}

// Bounds of the kernel's CFS bandwidth control (kernel/sched/core.c).
const (
	defaultPeriod = 100 * time.Millisecond
	minQuota      = time.Millisecond
)

func (t *translator) cpu(unified map[string]string) (*specs.LinuxCPU, error) {
	in := t.service.Resources.CPU
	out := specs.LinuxCPU{Shares: in.Shares}
	if in.Shares != nil && t.v2 {
		unified["cpu.weight"] = fmt.Sprint(cpuWeight(*in.Shares))
	}
	period := defaultPeriod
	if in.Period != nil {
		period = time.Duration(*in.Period)
	}
	if in.Quota != nil && *in.Quota > 0 {
		quota := time.Duration(math.Round(float64(*in.Quota) * float64(period.Microseconds()))) // in microseconds
		if quota < minQuota/time.Microsecond {
			return nil, fmt.Errorf("cpu.quota: %v cores in a period of %v is %dµs, under the kernel's least of 1ms: lengthen cpu.period",
				float64(*in.Quota), period, int64(quota))
		}
		microseconds := int64(quota)
		out.Quota = &microseconds
	}
	if out.Quota != nil || in.Period != nil {
		microseconds := uint64(period.Microseconds())
		out.Period = &microseconds
	}
	t.burst(&out, in)
	if in.CPUSet != nil {
		out.Cpus = string(*in.CPUSet)
	}
	if out == (specs.LinuxCPU{}) {
		return nil, nil
	}
	return &out, nil
}

// cpuWeight is shares on the scale of cpu.weight, 1 to 10000: the kernel's
// default is 1024 on the one and 100 on the other, and CPU time goes by the ratio.
// Runtimes convert OCI's cpu.shares by a curve through both scales' ends and
// defaults (ConvertCPUSharesToCgroupV2Value of opencontainers/cgroups), older ones by
// a line that turns 1024 into 39. Under the curve 3072 shares get 2.4 times what 1024
// get; under the line 1024 get less than half of what an unset neighbour gets. So
// cpu.weight is written as well, in proportion; runtimes set unified last.
func cpuWeight(shares uint64) uint64 {
	const defaultShares, defaultWeight, least, most = 1024, 100, 1, 10000
	return min(max((shares*defaultWeight+defaultShares/2)/defaultShares, least), most)
}

// burst is cpu.max.burst, in Linux since 5.14 (v1: cpu.cfs_burst_us).
func (t *translator) burst(out *specs.LinuxCPU, in CPU) {
	if in.Burst == nil {
		return
	}
	file := "cpu.max.burst"
	if !t.v2 {
		file = "cpu.cfs_burst_us"
	}
	burst := time.Duration(*in.Burst)
	switch {
	case burst > 0 && out.Quota == nil:
		t.warn("cpu.burst: %v is not set: without cpu.quota there is nothing to save up", burst)
	case t.host.CgroupFile(t.root, file):
		microseconds := uint64(burst.Microseconds())
		if out.Quota != nil {
			out.Burst = &microseconds
		}
	case burst > 0:
		t.warn("cpu.burst: %v is not set: this kernel has no %s (Linux 5.14)", burst, file)
	}
}

// memory fills in OCI's part and, for what OCI has no key for, the cgroup v2
// files themselves.
func (t *translator) memory(unified map[string]string) (*specs.LinuxMemory, error) {
	in := t.service.Resources.Memory
	var out specs.LinuxMemory
	if in.Limit != nil && *in.Limit > 0 {
		out.Limit = (*int64)(in.Limit)
	}
	if soft := in.Soft; soft != nil && *soft > 0 {
		if t.v2 {
			unified["memory.high"] = fmt.Sprint(int64(*soft))
		} else {
			// memory.soft_limit_in_bytes: reclaimed down to it when the host is
			// short, not slowed above it.
			out.Reservation = (*int64)(soft)
		}
	}
	if low := in.Low; low != nil && *low > 0 {
		if t.v2 {
			out.Reservation = (*int64)(low)
		} else {
			t.warn("memory.low: %d is not set: cgroup v1 protects no memory from reclaim", *low)
		}
	}
	if in.OOMGroup != nil {
		switch {
		case t.v2 && *in.OOMGroup:
			unified["memory.oom.group"] = "1"
		case t.v2:
			unified["memory.oom.group"] = "0"
		case *in.OOMGroup:
			t.warn("memory.oom_group is not set: cgroup v1 kills one process at a time")
		}
	}
	if err := t.swap(&out, in, unified); err != nil {
		return nil, err
	}
	if err := t.memoryV1(&out, in); err != nil {
		return nil, err
	}
	if out == (specs.LinuxMemory{}) {
		return nil, nil
	}
	return &out, nil
}

// swap is on top of the limit; OCI and v1 count the two together.
func (t *translator) swap(out *specs.LinuxMemory, in Memory, unified map[string]string) error {
	if in.Swap == nil {
		return nil
	}
	swap, file := int64(*in.Swap), "memory.swap.max"
	if !t.v2 {
		file = "memory.memsw.limit_in_bytes"
	}
	switch {
	case !t.host.CgroupFile(t.root, file):
		t.warn("memory.swap: %d is not set: this kernel does not count swap (%s is missing; boot with swapaccount=1)", swap, file)
	case out.Limit != nil:
		if *out.Limit > math.MaxInt64-swap {
			return fmt.Errorf("memory.swap: %d on top of memory.limit %d is more than the kernel can count", swap, *out.Limit)
		}
		both := *out.Limit + swap
		out.Swap = &both
	case t.v2:
		unified["memory.swap.max"] = fmt.Sprint(swap)
	default:
		t.warn("memory.swap: %d is not set: cgroup v1 limits swap only together with memory.limit", swap)
	}
	return nil
}

// memoryV1 are the settings that cgroup v2 does not have.
func (t *translator) memoryV1(out *specs.LinuxMemory, in Memory) error {
	if in.Kernel != nil {
		if t.v2 {
			return fmt.Errorf("memory.kernel: %d cannot be set: cgroup v2 counts kernel memory in memory.limit", *in.Kernel)
		}
		out.Kernel = (*int64)(in.Kernel) //nolint:staticcheck // deprecated, and asked for
		t.warn("memory.kernel: %d has no effect under runtimes since 2021 (runc 1.0): they leave kernel memory to memory.limit", *in.Kernel)
	}
	if value(in.OOMKillDisable) {
		if t.v2 {
			return fmt.Errorf("memory.oom_kill_disable cannot be set: cgroup v2 always kills at memory.limit; use memory.soft to slow the service down before")
		}
		out.DisableOOMKiller = in.OOMKillDisable
	}
	return nil
}
