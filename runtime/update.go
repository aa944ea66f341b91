package runtime

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer/configs"
	"github.com/opencontainers/runc/libcontainer/intelrdt"
	"github.com/opencontainers/runtime-spec/specs-go"
)

// Update is what Update changes; what it leaves unset stays as it is.
type Update struct {
	// Resources in config.json's form. Of memory.limit, a value below what the
	// container uses makes the kernel reclaim and then kill, unless
	// memory.checkBeforeUpdate is set. Devices are not changed.
	// A throttle rate of 0 lifts that device's limit.
	Resources specs.LinuxResources
	// AllCPUs lets it run on every CPU that the cgroup above it has.
	AllCPUs bool
	// L3CacheSchema and MemBwSchema are lines of resctrl's schemata, for a
	// container that has an Intel RDT group.
	L3CacheSchema, MemBwSchema string
}

// Update changes the limits of a container in place. All of them hold when it
// returns; when it fails, those from before do.
//
// It fails with libcontainer.ErrNotRunning for one that has stopped.
func (r *Runtime) Update(id string, u Update) error {
	if err := r.update(id, u); err != nil {
		return fmt.Errorf("cannot update container %q: %w", id, err)
	}
	return nil
}

func (r *Runtime) update(id string, u Update) error {
	if err := checkID(id); err != nil {
		return err
	}
	rec, err := r.openRecord(id) // one change at a time, and none during a deletion
	if err != nil {
		return err
	}
	defer rec.unlock()
	c, err := r.loadLiving(id)
	if err != nil {
		return err
	}
	state, err := c.State()
	if err != nil {
		return err
	}
	if keys := unheld(&u.Resources); keys != nil {
		return errors.New(noSuchLimit(keys))
	}
	config := copyForUpdate(c.Config())
	res := config.Cgroups.Resources
	updateMemory(res, u.Resources.Memory)
	updateCPU(res, u.Resources.CPU)
	updateBlockIO(res, u.Resources.BlockIO)
	if u.AllCPUs {
		if err := allCPUs(res, state.CgroupPaths); err != nil {
			return err
		}
	}
	unthrottled := dropUnthrottled(res, state.CgroupPaths)
	if p := u.Resources.Pids; p != nil && p.Limit != nil {
		res.PidsLimit = p.Limit
	}
	updateRest(res, &u.Resources)
	if err := updateRdt(&config, u); err != nil {
		return err
	}
	before, err := readControls(state.CgroupPaths)
	if err != nil {
		return err
	}
	err = c.Set(config)
	if err == nil {
		err = writeLines(unthrottled)
	}
	if err != nil {
		// Libcontainer sets back what its own configuration says, and that is
		// silent on every limit that was not set before.
		if rerr := before.restore(); rerr != nil {
			return errors.Join(err, fmt.Errorf("and cannot set the former limits back: %w", rerr))
		}
		return fmt.Errorf("%w; the former limits are in force", err)
	}
	if _, unified := u.Resources.Unified[lowFile]; unified || u.Resources.Memory != nil && u.Resources.Memory.Reservation != nil {
		return shareLow(state.CgroupPaths)
	}
	return nil
}

// copyForUpdate copies what an update changes. What c.Config returns shares it
// with the container, so that after a failure nothing would know the old values.
func copyForUpdate(config configs.Config) configs.Config {
	cg := *config.Cgroups
	res := *cg.Resources
	res.BlkioWeightDevice = cloneDevices(res.BlkioWeightDevice)
	res.BlkioThrottleReadBpsDevice = cloneDevices(res.BlkioThrottleReadBpsDevice)
	res.BlkioThrottleWriteBpsDevice = cloneDevices(res.BlkioThrottleWriteBpsDevice)
	res.BlkioThrottleReadIOPSDevice = cloneDevices(res.BlkioThrottleReadIOPSDevice)
	res.BlkioThrottleWriteIOPSDevice = cloneDevices(res.BlkioThrottleWriteIOPSDevice)
	res.HugetlbLimit = slices.Clone(res.HugetlbLimit)
	res.Rdma = maps.Clone(res.Rdma)
	res.Unified = maps.Clone(res.Unified)
	res.MemoryCheckBeforeUpdate = false // asked for anew each time
	res.SkipDevices = true              // someone else may have given it further ones
	cg.Resources = &res
	config.Cgroups = &cg
	if config.IntelRdt != nil {
		rdt := *config.IntelRdt
		config.IntelRdt = &rdt
	}
	return config
}

func cloneDevices[T any](devices []*T) []*T {
	out := make([]*T, len(devices))
	for i, d := range devices {
		c := *d
		out[i] = &c
	}
	return out
}

// set changes to if there is something to change it to.
func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func updateMemory(res *cgroups.Resources, m *specs.LinuxMemory) {
	if m == nil {
		return
	}
	set(&res.Memory, m.Limit)
	set(&res.MemoryReservation, m.Reservation)
	set(&res.MemorySwap, m.Swap)
	set(&res.MemoryCheckBeforeUpdate, m.CheckBeforeUpdate)
	if m.Swappiness != nil {
		res.MemorySwappiness = m.Swappiness
	}
	if m.Limit != nil && *m.Limit == -1 && m.Swap == nil {
		res.MemorySwap = 0 // no limit on memory leaves none to count swap on top of
	}
	// Limits that the container was created with by unified would be written
	// after these.
	for key, changed := range map[string]bool{
		"memory.max": m.Limit != nil, "memory.low": m.Reservation != nil, "memory.swap.max": m.Swap != nil,
	} {
		if changed {
			delete(res.Unified, key)
		}
	}
	if m.Reservation != nil && *m.Reservation == 0 && cgroups.IsCgroup2UnifiedMode() {
		setUnified(res, lowFile, "0") // libcontainer takes 0 for unset
	}
}

func updateCPU(res *cgroups.Resources, c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	set(&res.CpuPeriod, c.Period)
	set(&res.CpuQuota, c.Quota)
	set(&res.CpuRtPeriod, c.RealtimePeriod)
	set(&res.CpuRtRuntime, c.RealtimeRuntime)
	if c.Burst != nil {
		res.CpuBurst = c.Burst
	}
	if c.Shares != nil {
		res.CpuShares = *c.Shares
		res.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(*c.Shares)
		delete(res.Unified, "cpu.weight")
	}
	if c.Idle != nil {
		res.CPUIdle = c.Idle
		if *c.Idle == 1 && c.Shares == nil {
			res.CpuShares, res.CpuWeight = 0, 0 // an idle cgroup takes no weight: EINVAL
			delete(res.Unified, "cpu.weight")
		}
	}
	if c.Cpus != "" {
		res.CpusetCpus = c.Cpus
		delete(res.Unified, "cpuset.cpus")
	}
	if c.Mems != "" {
		res.CpusetMems = c.Mems
	}
}

func updateBlockIO(res *cgroups.Resources, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	if b.Weight != nil {
		res.BlkioWeight = *b.Weight
		delete(res.Unified, "io.weight")
		delete(res.Unified, "io.bfq.weight")
	}
	set(&res.BlkioLeafWeight, b.LeafWeight)
	for _, d := range b.WeightDevice {
		res.BlkioWeightDevice = updateWeight(res.BlkioWeightDevice, d)
	}
	for _, t := range []struct {
		have *[]*cgroups.ThrottleDevice
		want []specs.LinuxThrottleDevice
	}{
		{&res.BlkioThrottleReadBpsDevice, b.ThrottleReadBpsDevice},
		{&res.BlkioThrottleWriteBpsDevice, b.ThrottleWriteBpsDevice},
		{&res.BlkioThrottleReadIOPSDevice, b.ThrottleReadIOPSDevice},
		{&res.BlkioThrottleWriteIOPSDevice, b.ThrottleWriteIOPSDevice},
	} {
		for _, d := range t.want {
			updateThrottle(t.have, d)
		}
	}
}

func updateWeight(have []*cgroups.WeightDevice, d specs.LinuxWeightDevice) []*cgroups.WeightDevice {
	i := slices.IndexFunc(have, func(h *cgroups.WeightDevice) bool { return h.Major == d.Major && h.Minor == d.Minor })
	if i < 0 {
		i, have = len(have), append(have, cgroups.NewWeightDevice(d.Major, d.Minor, 0, 0))
	}
	set(&have[i].Weight, d.Weight)
	set(&have[i].LeafWeight, d.LeafWeight)
	return have
}

func updateThrottle(have *[]*cgroups.ThrottleDevice, d specs.LinuxThrottleDevice) {
	for _, h := range *have {
		if h.Major == d.Major && h.Minor == d.Minor {
			h.Rate = d.Rate
			return
		}
	}
	*have = append(*have, cgroups.NewThrottleDevice(d.Major, d.Minor, d.Rate))
}

func updateRest(res *cgroups.Resources, u *specs.LinuxResources) {
	for _, h := range u.HugepageLimits {
		res.HugetlbLimit = slices.DeleteFunc(res.HugetlbLimit, func(have *cgroups.HugepageLimit) bool { return have.Pagesize == h.Pagesize })
		res.HugetlbLimit = append(res.HugetlbLimit, &cgroups.HugepageLimit{Pagesize: h.Pagesize, Limit: h.Limit})
	}
	for device, limit := range u.Rdma {
		if res.Rdma == nil {
			res.Rdma = map[string]cgroups.LinuxRdma{}
		}
		res.Rdma[device] = cgroups.LinuxRdma{HcaHandles: limit.HcaHandles, HcaObjects: limit.HcaObjects}
	}
	for key, value := range u.Unified {
		setUnified(res, key, value)
	}
}

func setUnified(res *cgroups.Resources, key, value string) {
	if res.Unified == nil {
		res.Unified = map[string]string{}
	}
	res.Unified[key] = value
}

func updateRdt(config *configs.Config, u Update) error {
	switch {
	case u.L3CacheSchema == "" && u.MemBwSchema == "":
		return nil
	case u.L3CacheSchema != "" && !intelrdt.IsCATEnabled():
		return fmt.Errorf("l3 cache schema %q: the host has no Intel RDT cache allocation", u.L3CacheSchema)
	case u.MemBwSchema != "" && !intelrdt.IsMBAEnabled():
		return fmt.Errorf("memory bandwidth schema %q: the host has no Intel RDT memory bandwidth allocation", u.MemBwSchema)
	case config.IntelRdt == nil:
		return errors.New("it has no Intel RDT group: linux.intelRdt was not in its config.json")
	}
	if u.L3CacheSchema != "" {
		config.IntelRdt.L3CacheSchema = u.L3CacheSchema
	}
	if u.MemBwSchema != "" {
		config.IntelRdt.MemBwSchema = u.MemBwSchema
	}
	return nil
}
