package runtime

import (
	"github.com/opencontainers/cgroups"
	"github.com/opencontainers/runc/libcontainer"
	"github.com/opencontainers/runc/libcontainer/intelrdt"
	"github.com/opencontainers/runc/types"
)

// eventStats puts libcontainer's statistics into the form of runc events. Most
// types are the same but for the names in JSON.
func eventStats(s *libcontainer.Stats) *types.Stats {
	out := &types.Stats{NetworkInterfaces: s.Interfaces, IntelRdt: rdtStats(s.IntelRdtStats)}
	cg := s.CgroupStats
	if cg == nil {
		return out
	}
	usage, throttled := cg.CpuStats.CpuUsage, cg.CpuStats.ThrottlingData
	out.CPU = types.Cpu{
		Usage: types.CpuUsage{
			Total: usage.TotalUsage, Kernel: usage.UsageInKernelmode, User: usage.UsageInUsermode,
			Percpu: usage.PercpuUsage, PercpuKernel: usage.PercpuUsageInKernelmode, PercpuUser: usage.PercpuUsageInUsermode,
		},
		Throttling: types.Throttling{
			Periods: throttled.Periods, ThrottledPeriods: throttled.ThrottledPeriods, ThrottledTime: throttled.ThrottledTime,
		},
		PSI: cg.CpuStats.PSI,
	}
	out.CPUSet = types.CPUSet(cg.CPUSetStats)
	out.Memory = types.Memory{
		Cache:     cg.MemoryStats.Cache,
		Usage:     memoryEntry(cg.MemoryStats.Usage),
		Swap:      memoryEntry(cg.MemoryStats.SwapUsage),
		Kernel:    memoryEntry(cg.MemoryStats.KernelUsage),
		KernelTCP: memoryEntry(cg.MemoryStats.KernelTCPUsage),
		Raw:       cg.MemoryStats.Stats,
		PSI:       cg.MemoryStats.PSI,
	}
	out.Pids = types.Pids{Current: cg.PidsStats.Current, Limit: cg.PidsStats.Limit}
	out.Blkio = types.Blkio{
		IoServiceBytesRecursive: blkioEntries(cg.BlkioStats.IoServiceBytesRecursive),
		IoServicedRecursive:     blkioEntries(cg.BlkioStats.IoServicedRecursive),
		IoQueuedRecursive:       blkioEntries(cg.BlkioStats.IoQueuedRecursive),
		IoServiceTimeRecursive:  blkioEntries(cg.BlkioStats.IoServiceTimeRecursive),
		IoWaitTimeRecursive:     blkioEntries(cg.BlkioStats.IoWaitTimeRecursive),
		IoMergedRecursive:       blkioEntries(cg.BlkioStats.IoMergedRecursive),
		IoTimeRecursive:         blkioEntries(cg.BlkioStats.IoTimeRecursive),
		SectorsRecursive:        blkioEntries(cg.BlkioStats.SectorsRecursive),
		PSI:                     cg.BlkioStats.PSI,
	}
	out.Hugetlb = make(map[string]types.Hugetlb, len(cg.HugetlbStats)) // {} rather than null
	for size, h := range cg.HugetlbStats {
		out.Hugetlb[size] = types.Hugetlb{Usage: h.Usage, Max: h.MaxUsage, Failcnt: h.Failcnt}
	}
	return out
}

func memoryEntry(m cgroups.MemoryData) types.MemoryEntry {
	return types.MemoryEntry{Limit: m.Limit, Usage: m.Usage, Max: m.MaxUsage, Failcnt: m.Failcnt}
}

func blkioEntries(entries []cgroups.BlkioStatEntry) []types.BlkioEntry {
	var out []types.BlkioEntry
	for _, e := range entries {
		out = append(out, types.BlkioEntry(e))
	}
	return out
}

// rdtStats says only what the processor offers: Intel's Resource Director
// Technology, Documentation/filesystems/resctrl.rst.
func rdtStats(s *intelrdt.Stats) (out types.IntelRdt) {
	if s == nil {
		return out
	}
	out.Schemata = s.Schemata
	if intelrdt.IsCATEnabled() {
		out.L3CacheInfo = (*types.L3CacheInfo)(s.L3CacheInfo)
		out.L3CacheSchemaRoot, out.L3CacheSchema = s.L3CacheSchemaRoot, s.L3CacheSchema
	}
	if intelrdt.IsMBAEnabled() {
		out.MemBwInfo = (*types.MemBwInfo)(s.MemBwInfo)
		out.MemBwSchemaRoot, out.MemBwSchema = s.MemBwSchemaRoot, s.MemBwSchema
	}
	if intelrdt.IsMBMEnabled() {
		out.MBMStats = s.MBMStats
	}
	if intelrdt.IsCMTEnabled() {
		out.CMTStats = s.CMTStats
	}
	return out
}
