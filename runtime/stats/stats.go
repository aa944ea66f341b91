// Package stats reads what a container uses from its cgroups' files and /proc,
// each file once. It starts nothing and imports no runtime; what lasts from one
// reading to the next is in a Sampler.
//
// What the host does not offer is absent from the result, never zero: every
// figure is a pointer. A limit of "max" is absent as well.
//
// Sources: Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ of the
// kernel, proc(5), Documentation/accounting/psi.rst.
package stats

// Stats is one reading of a container.
type Stats struct {
	CPU     *CPU     `json:"cpu,omitempty"`
	Memory  *Memory  `json:"memory,omitempty"`
	IO      *IO      `json:"io,omitempty"`
	Pids    *Pids    `json:"pids,omitempty"`
	FDs     *FDs     `json:"fds,omitempty"`
	Network *Network `json:"network,omitempty"`
}

// CPU is processor time since the container was created.
type CPU struct {
	UsageNS        *uint64   `json:"usage_ns,omitempty"`
	UserNS         *uint64   `json:"user_ns,omitempty"`
	SystemNS       *uint64   `json:"system_ns,omitempty"`
	Periods        *uint64   `json:"periods,omitempty"`         // of the quota that have passed
	ThrottledCount *uint64   `json:"throttled_count,omitempty"` // periods in which the quota was used up
	ThrottledNS    *uint64   `json:"throttled_ns,omitempty"`    // summed over all CPUs
	Pressure       *Pressure `json:"pressure,omitempty"`
}

// Memory is in bytes.
type Memory struct {
	Current   *uint64       `json:"current,omitempty"`
	Peak      *uint64       `json:"peak,omitempty"`       // memory.peak, kernel 5.19
	Limit     *uint64       `json:"limit,omitempty"`      // memory.max
	Soft      *uint64       `json:"soft,omitempty"`       // memory.high; v1: memory.soft_limit_in_bytes
	Swap      *uint64       `json:"swap,omitempty"`       // swapped out now
	SwapLimit *uint64       `json:"swap_limit,omitempty"` // memory.swap.max; v1: memsw limit less memory limit
	Cache     *uint64       `json:"cache,omitempty"`      // file pages, shared memory included
	Shmem     *uint64       `json:"shmem,omitempty"`      // shared memory and tmpfs: cache that cannot be dropped
	RSS       *uint64       `json:"rss,omitempty"`        // anonymous pages
	Pressure  *Pressure     `json:"pressure,omitempty"`
	Events    *MemoryEvents `json:"events,omitempty"`
}

// MemoryEvents counts what the limits did (memory.events).
type MemoryEvents struct {
	Low          *uint64 `json:"low,omitempty"`
	High         *uint64 `json:"high,omitempty"`
	Max          *uint64 `json:"max,omitempty"` // v1: memory.failcnt
	OOM          *uint64 `json:"oom,omitempty"`
	OOMKill      *uint64 `json:"oom_kill,omitempty"`
	OOMGroupKill *uint64 `json:"oom_group_kill,omitempty"` // kernel 5.17
}

// IO is what was read from and written to disks.
type IO struct {
	Devices  []Device  `json:"devices,omitempty"`
	Pressure *Pressure `json:"pressure,omitempty"`
}

// Device is one disk's part of IO.
type Device struct {
	Name       string  `json:"name,omitempty"` // as under /sys/block; absent for a disk that is gone
	Major      uint64  `json:"major"`
	Minor      uint64  `json:"minor"`
	ReadBytes  *uint64 `json:"read_bytes,omitempty"`
	WriteBytes *uint64 `json:"write_bytes,omitempty"`
	ReadIOs    *uint64 `json:"read_ios,omitempty"`
	WriteIOs   *uint64 `json:"write_ios,omitempty"`
}

// Pids counts processes and threads.
type Pids struct {
	Current *uint64 `json:"current,omitempty"`
	Limit   *uint64 `json:"limit,omitempty"`
}

// FDs is the open descriptors of the process that is nearest to its soft limit.
type FDs struct {
	PID   int     `json:"pid"`
	Open  uint64  `json:"open"`
	Limit *uint64 `json:"limit,omitempty"`
}

// Network is in the container's own direction: rx is what it receives. This
// package does not fill it; who knows the host's end of the link does.
type Network struct {
	RxBytes   uint64   `json:"rx_bytes"`
	TxBytes   uint64   `json:"tx_bytes"`
	RxPackets uint64   `json:"rx_packets"`
	TxPackets uint64   `json:"tx_packets"`
	RxDropped uint64   `json:"rx_dropped"`
	TxDropped uint64   `json:"tx_dropped"`
	Ingress   *Shaping `json:"ingress_shaping,omitempty"`
	Egress    *Shaping `json:"egress_shaping,omitempty"`
}

// Shaping is the counters of one direction's queue.
type Shaping struct {
	Rate           uint64 `json:"rate_bytes_per_second"` // 0: not limited
	Bytes          uint64 `json:"bytes"`                 // that passed, with Ethernet headers
	Dropped        uint64 `json:"dropped_packets"`
	Overlimits     uint64 `json:"overlimits"`
	BacklogBytes   uint64 `json:"backlog_bytes"`
	BacklogPackets uint64 `json:"backlog_packets"`
}

// Pressure is the time that work stood still for want of a resource (PSI,
// kernel 4.20 with CONFIG_PSI; cgroup v2 alone).
type Pressure struct {
	Some *Stall `json:"some,omitempty"` // at least one task waited
	Full *Stall `json:"full,omitempty"` // all tasks waited
}

// Stall is one line of a pressure file: shares of the last 10, 60 and 300
// seconds in percent, and the total.
type Stall struct {
	Avg10   float64 `json:"avg10"`
	Avg60   float64 `json:"avg60"`
	Avg300  float64 `json:"avg300"`
	TotalNS uint64  `json:"total_ns"`
}
