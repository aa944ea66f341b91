package spec

import (
	"net/netip"
	"time"
)

// Size is a number of bytes.
type Size int64

// Rate is bytes a second.
type Rate int64

// Cores is processor time: 1.5 is one and a half CPUs.
type Cores float64

// Period is a time that the kernel takes in microseconds.
type Period time.Duration

// Duration is a time as Go writes it: 1m30s.
type Duration time.Duration

// Fraction is a part of a limit, over 0 and up to 1.
type Fraction float64

// CPUSet is a list of CPUs in the kernel's form, sorted and merged: 0-3,8.
type CPUSet string

// CgroupVersion is "2" or "auto".
type CgroupVersion string

// Rlimit is one resource limit; Infinity is no limit.
type Rlimit struct{ Soft, Hard uint64 }

// Infinity is RLIM_INFINITY.
const Infinity = ^uint64(0)

// IOPriority is ioprio_set(2)'s class and level.
type IOPriority struct {
	Class string // realtime, best-effort or idle
	Level int    // 0 (first) to 7; 0 for idle
}

// NetworkMode is how a service is connected.
type NetworkMode string

// The modes of a service's network.
const (
	NetworkIsolated NetworkMode = "isolated"
	NetworkNone     NetworkMode = "none"
	NetworkHost     NetworkMode = "host"
)

// Priority is how important a service is next to the others.
type Priority string

// The priorities of a service.
const (
	PriorityCritical Priority = "critical"
	PriorityNormal   Priority = "normal"
	PriorityBatch    Priority = "batch"
)

// RestartPolicy is when a service that ended is started again.
type RestartPolicy string

// Subnet is an address range in CIDR form.
type Subnet struct{ netip.Prefix }

// Port is one published port.
type Port struct {
	HostIP    netip.Addr // the zero Addr: all addresses
	Host      uint16
	Container uint16
	Protocol  string // tcp or udp
}

// Signal is a signal's number.
type Signal int

// Environment is the variables of a service by name.
type Environment map[string]string
