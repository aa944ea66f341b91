package runtime

import (
	"maps"
	"reflect"
	"slices"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Difference is the update that takes a container from one set of limits to
// another: unlike Update's own rule, what only the first has is lifted. Devices,
// and what no update can change (see Fixed), are left out.
func Difference(from, to *specs.LinuxResources) Update {
	var none specs.LinuxResources
	if from == nil {
		from = &none
	}
	if to == nil {
		to = &none
	}
	u := Update{Resources: specs.LinuxResources{Unified: differentFiles(from, to)}}
	if was, is := orZero(from.Memory), orZero(to.Memory); !reflect.DeepEqual(was, is) {
		check := true
		u.Resources.Memory = &specs.LinuxMemory{
			Limit: lifted(was.Limit, is.Limit, -1), Swap: lifted(was.Swap, is.Swap, -1), CheckBeforeUpdate: &check,
		}
		u.Resources.Memory.Reservation = lifted(was.Reservation, is.Reservation, -1)
		if r := u.Resources.Memory.Reservation; r != nil && *r == -1 && to.Unified != nil {
			// On v2 it is memory.low, and -1 would protect all.
			u.Resources.Memory.Reservation = nil
			u.Resources.Unified[lowFile] = "0"
		}
	}
	if was, is := orZero(from.CPU), orZero(to.CPU); !reflect.DeepEqual(was, is) {
		u.Resources.CPU = &specs.LinuxCPU{
			Quota: lifted(was.Quota, is.Quota, -1), Period: lifted(was.Period, is.Period, defaultPeriod),
			Burst: lifted(was.Burst, is.Burst, 0), Shares: lifted(was.Shares, is.Shares, defaultShares), Cpus: is.Cpus,
		}
		u.AllCPUs = was.Cpus != "" && is.Cpus == ""
	}
	if was, is := orZero(from.Pids), orZero(to.Pids); !reflect.DeepEqual(was, is) {
		u.Resources.Pids = &specs.LinuxPids{Limit: lifted(was.Limit, is.Limit, -1)}
	}
	if was, is := orZero(from.BlockIO), orZero(to.BlockIO); !reflect.DeepEqual(was, is) {
		u.Resources.BlockIO = &specs.LinuxBlockIO{
			Weight:                  lifted(was.Weight, is.Weight, defaultIOWeight),
			ThrottleReadBpsDevice:   liftedDevices(was.ThrottleReadBpsDevice, is.ThrottleReadBpsDevice),
			ThrottleWriteBpsDevice:  liftedDevices(was.ThrottleWriteBpsDevice, is.ThrottleWriteBpsDevice),
			ThrottleReadIOPSDevice:  liftedDevices(was.ThrottleReadIOPSDevice, is.ThrottleReadIOPSDevice),
			ThrottleWriteIOPSDevice: liftedDevices(was.ThrottleWriteIOPSDevice, is.ThrottleWriteIOPSDevice),
		}
	}
	return u
}

// The kernel's own values of what has no "no limit".
const (
	defaultPeriod   = 100_000 // microseconds
	defaultShares   = 1024
	defaultIOWeight = 100 // of the bfq scheduler, and of io.weight
)

// Fixed is the part of a container's limits that no update changes.
func Fixed(r *specs.LinuxResources) specs.LinuxResources {
	var none specs.LinuxResources
	if r == nil {
		return none
	}
	fixed := *r
	fixed.CPU, fixed.Pids, fixed.BlockIO, fixed.Unified, fixed.Memory = nil, nil, nil, nil, nil
	if m := r.Memory; m != nil {
		rest := *m
		rest.Limit, rest.Swap, rest.Reservation, rest.CheckBeforeUpdate = nil, nil, nil, nil
		if rest != (specs.LinuxMemory{}) {
			fixed.Memory = &rest
		}
	}
	return fixed
}

// differentFiles are the cgroup v2 files whose values differ; one that is not
// named any more gets the value it has in a new cgroup.
func differentFiles(from, to *specs.LinuxResources) map[string]string {
	files := map[string]string{}
	for name, value := range to.Unified {
		if from.Unified[name] != value {
			files[name] = value
		}
	}
	fresh := map[string]string{
		"memory.high": "max", "memory.swap.max": "max", "memory.oom.group": "0",
		"cpu.weight": "100", "io.weight": "100",
	}
	if to.Memory != nil && to.Memory.Swap != nil { // said there now
		delete(fresh, "memory.swap.max")
	}
	for _, name := range slices.Sorted(maps.Keys(from.Unified)) {
		if value, known := fresh[name]; known && to.Unified[name] == "" {
			files[name] = value
		}
	}
	return files
}

func orZero[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// lifted is the new value, or none where there was one.
func lifted[T any](was, is *T, none T) *T {
	if is == nil && was != nil {
		return &none
	}
	return is
}

// liftedDevices has a rate of 0 for each device that is not limited any more.
func liftedDevices(was, is []specs.LinuxThrottleDevice) []specs.LinuxThrottleDevice {
	all := slices.Clone(is)
	for _, d := range was {
		if !slices.ContainsFunc(is, func(n specs.LinuxThrottleDevice) bool { return n.Major == d.Major && n.Minor == d.Minor }) {
			d.Rate = 0
			all = append(all, d)
		}
	}
	return all
}

// Empty tells whether there is nothing to do.
func (u *Update) Empty() bool {
	r := &u.Resources
	return r.Memory == nil && r.CPU == nil && r.Pids == nil && r.BlockIO == nil && len(r.Unified) == 0 &&
		len(r.HugepageLimits) == 0 && len(r.Rdma) == 0 && !u.AllCPUs && u.L3CacheSchema == "" && u.MemBwSchema == ""
}
